//! The keys of one TLS connection, for whoever may decrypt what was on the wire.

use std::fmt;
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use rustls::KeyLog;
use sidestream_flow::Redacted;

/// Takes note of keys, as lines of a key log (RFC 9850), and hands them on.
struct KeyTap {
    first: Arc<Note>,
    on: Arc<dyn KeyLog>,
}

/// A line, and the place of the next, once there is one: a connection has a handful.
#[derive(Default)]
struct Note(OnceLock<(String, Arc<Self>)>);

/// The lines that are not told yet.
pub(crate) struct Keys(Arc<Note>);

/// Has the keys of a connection noted, beside whoever is told them anyway.
pub(crate) fn tap(key_log: &mut Arc<dyn KeyLog>) -> Keys {
    let first = Arc::new(Note::default());
    *key_log = Arc::new(KeyTap { first: Arc::clone(&first), on: Arc::clone(key_log) });
    Keys(first)
}

impl Keys {
    /// Takes the lines that were noted since.
    pub(crate) fn take(&mut self) -> Redacted<String> {
        let mut lines = String::new();
        while let Some((line, next)) = self.0.0.get() {
            lines.push_str(line);
            self.0 = Arc::clone(next);
        }
        Redacted(lines)
    }
}

impl fmt::Debug for KeyTap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyTap").finish_non_exhaustive()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

impl KeyLog for KeyTap {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        self.on.log(label, client_random, secret);
        let mut line = format!("{label} ");
        hex(&mut line, client_random);
        line.push(' ');
        hex(&mut line, secret);
        line.push('\n');
        let mut noted = (line, Arc::default());
        let mut place = &self.first;
        while let Err(refused) = place.0.set(noted) {
            let Some((_, next)) = place.0.get() else { return };
            (noted, place) = (refused, next);
        }
    }
}

fn hex(line: &mut String, bytes: &[u8]) {
    for byte in bytes {
        write!(line, "{byte:02x}").expect("a String takes all that is written");
    }
}
