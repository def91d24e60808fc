//! The keys of TLS, as other tools read them.

use std::fmt;
use std::fs::File;
use std::io::Write as _;

use rustls::KeyLog;

/// Appends the keys of both legs to a file, in the format that NSS began and Wireshark reads
/// (RFC 9850).
///
/// Who has the file can read what was said: open it so that nobody else can.
pub struct KeyLogFile {
    /// Opened for appending, so that each line stays whole.
    file: File,
}

impl fmt::Debug for KeyLogFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyLogFile").finish_non_exhaustive()
    }
}

impl KeyLogFile {
    /// Appends to a file that was opened for it.
    pub fn new(file: File) -> Self {
        Self { file }
    }
}

impl KeyLog for KeyLogFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
        if let Err(error) = (&self.file).write_all(line.as_bytes()) {
            tracing::warn!(%error, "a key could not be logged");
        }
    }
}
