//! The lines of a log.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::Part;
use crate::state::State;

/// The version of the log, written into its first line.
pub(crate) const VERSION: u32 = 1;

/// How many characters of a checksum a line begins with.
const SUM_CHARS: usize = 16;

/// What a change is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Which part of the program makes it.
    pub owner: String,
    /// What it changes; of one owner's changes to the same place, one is under way at a time.
    pub place: String,
    /// Whatever the owner finds it again by.
    pub key: String,
}

impl Subject {
    /// Names an owner and a place.
    pub fn new(owner: impl Into<String>, place: impl Into<String>) -> Self {
        Self { owner: owner.into(), place: place.into(), key: String::new() }
    }

    /// Adds what it is found again by.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.key = key.into();
        self
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.place, self.owner)
    }
}

/// What paths hold.
pub(crate) type States = BTreeMap<PathBuf, State>;

/// A line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Record {
    /// The first line: what, and by whom.
    Begin { version: u32, subject: Subject, pid: u32, program: String },
    /// A directory that is about to be made.
    Directory { path: PathBuf },
    /// A file that is about to be made, replaced or removed.
    File { path: PathBuf, before: State, after: State, part: Option<Part> },
    /// The change stays when its process ends.
    Kept,
    /// A setting that is about to be changed by a tool.
    Setting { what: PathBuf, setting: Part },
    /// What the watched paths hold after the tool, where it differs.
    Settled { watch: usize, before: States, after: States },
    /// It is being undone, so it is kept no more.
    Undoing,
    /// What a tool is about to change.
    Watch { paths: Vec<PathBuf>, before: States, undo: Vec<String>, part: Option<Part> },
}

impl Record {
    /// Writes the line.
    pub(crate) fn encode(&self) -> Result<String, serde_json::Error> {
        let json = serde_json::to_string(self)?;
        Ok(format!("{} {json}\n", sum(json.as_bytes())))
    }

    /// Reads the line, which must be whole.
    fn decode(line: &str) -> Option<Self> {
        let (written, json) = line.split_once(' ')?;
        (sum(json.as_bytes()) == written).then(|| serde_json::from_str(json).ok()).flatten()
    }
}

/// Reads a log up to a line that was cut short, and says how many bytes that is.
///
/// `None` if its first line or one that others follow is not ours.
pub(crate) fn decode_log(text: &[u8]) -> Option<(Vec<Record>, u64)> {
    let mut records = Vec::new();
    let mut read = 0;
    let mut rest = text;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = (&rest[..end], &rest[end + 1..]);
        match std::str::from_utf8(line).ok().and_then(Record::decode) {
            Some(record) => records.push(record),
            // A write that was torn may leave its end without its beginning.
            None if after.is_empty() && !records.is_empty() => break,
            None => return None,
        }
        read += end + 1;
        rest = after;
    }
    match records.first() {
        Some(Record::Begin { version: VERSION, .. }) | None => Some((records, read as u64)),
        Some(_) => None,
    }
}

fn sum(bytes: &[u8]) -> String {
    let mut sum = hex(bytes);
    sum.truncate(SUM_CHARS);
    sum
}

/// The SHA-256 of bytes, in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
