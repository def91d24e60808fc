//! Running a tool while the log stays locked.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::JournalError;

/// How much of a tool's last words is told.
const MAX_SAID_BYTES: u64 = 2_000;

/// Runs a command to its end.
///
/// Its standard input is the log, at its end: the tool reads nothing, and holds the lock for as long as it or a child of
/// its lives, also if we do not. What it says goes to a file of the change, so that it is not ended by our end, and what
/// it writes for a while lies beside, where it is forgotten with the change should the tool be killed.
pub(crate) fn run(words: &[String], log: &File, folder: &Path) -> Result<(), JournalError> {
    let Some((program, arguments)) = words.split_first() else { return Ok(()) };
    let failed = |said: String| JournalError::Tool { program: program.clone(), said };
    let system = |error: io::Error| failed(error.to_string());
    let [out, err] = ["said", "complained"].map(|name| folder.join(name));
    let status = Command::new(program)
        .args(arguments)
        .env("TMPDIR", folder)
        .stdin(Stdio::from(log.try_clone().map_err(system)?))
        .stdout(Stdio::from(File::create(&out).map_err(system)?))
        .stderr(Stdio::from(File::create(&err).map_err(system)?))
        .status()
        .map_err(system)?;
    if status.success() {
        return Ok(());
    }
    let mut said = Vec::new();
    for path in [err, out] {
        let left = MAX_SAID_BYTES - said.len() as u64;
        // That it cannot be told is no other failure.
        _ = File::open(path).and_then(|file| file.take(left).read_to_end(&mut said));
    }
    let said = String::from_utf8_lossy(&said);
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    Err(failed(if said.is_empty() { status.to_string() } else { said }))
}
