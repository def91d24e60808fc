//! What we put into files and settings of somebody else, and how it is taken out again.

use serde::{Deserialize, Serialize};

use crate::{JournalError, Outcome};

/// What we add to a file, or how a setting was and is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// What kind of file it is, to whom it belongs to take it out.
    pub kind: String,
    /// What is added.
    pub bytes: Vec<u8>,
}

/// Takes parts out of files that were changed since they were put in, and gives settings back.
pub trait Parts {
    /// Returns the file without the part; `None` if the part is not in it, or cannot be found.
    fn without(&self, part: &Part, contents: &[u8]) -> Option<Vec<u8>>;

    /// Gives a setting back that is kept in no file of ours to see; done twice it is the same as once.
    ///
    /// # Errors
    ///
    /// Nothing is known of its kind, or its tool failed: the change is a left-over then.
    fn restore(&self, setting: &Part, _run: Run<'_>) -> Result<Outcome, JournalError> {
        Err(JournalError::Unknown { kind: setting.kind.clone() })
    }
}

/// Runs a tool while the journal's log stays locked.
pub type Run<'a> = &'a dyn Fn(&[String]) -> Result<(), JournalError>;

/// Parts that are a stretch of bytes, there once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

impl Parts for Plain {
    fn without(&self, part: &Part, contents: &[u8]) -> Option<Vec<u8>> {
        let ours = &part.bytes[..];
        if ours.is_empty() {
            return None;
        }
        let mut places = contents.windows(ours.len()).enumerate();
        let at = places.find_map(|(at, bytes)| (bytes == ours).then_some(at))?;
        if places.any(|(_, bytes)| bytes == ours) {
            return None;
        }
        Some([&contents[..at], &contents[at + ours.len()..]].concat())
    }
}
