//! What a proxy answers to CONNECT.

/// How long an answer may be, in bytes.
pub const MAX_ANSWER: usize = 64 * 1024;

/// How many fields it may have.
const MAX_FIELDS: usize = 128;

/// How much of its words is shown, in characters.
const SHOWN: usize = 100;

/// What a proxy answered to CONNECT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// What it says beside that: printable, and not long.
    pub reason: String,
    /// How long it is, in bytes: what comes behind is the server's, if there is a tunnel.
    pub len: usize,
}

/// Why bytes are no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// They are not HTTP.
    #[error("its answer is not HTTP/1")]
    Malformed,
    /// They go on for too long.
    #[error("its answer is longer than 64 KiB")]
    TooLong,
}

impl Answer {
    /// Reads a final answer at the beginning of these bytes; `None` if it has not come whole.
    ///
    /// # Errors
    ///
    /// There will be none.
    pub fn decode(bytes: &[u8]) -> Result<Option<Self>, AnswerError> {
        let mut start = 0;
        loop {
            let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
            let mut response = httparse::Response::new(&mut fields);
            let parsed = response.parse(&bytes[start..]).or(Err(AnswerError::Malformed))?;
            let httparse::Status::Complete(len) = parsed else {
                let is_long = bytes.len() >= MAX_ANSWER;
                return if is_long { Err(AnswerError::TooLong) } else { Ok(None) };
            };
            start += len;
            if start > MAX_ANSWER {
                return Err(AnswerError::TooLong);
            }
            let status = response.code.unwrap_or_default();
            // An interim answer comes before the final one.
            if (100..200).contains(&status) {
                continue;
            }
            let words = response.reason.unwrap_or_default();
            let reason = words.chars().filter(|char| !char.is_control()).take(SHOWN).collect();
            return Ok(Some(Self { status, reason, len: start }));
        }
    }

    /// Returns whether there is a tunnel now.
    pub const fn is_tunnel(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// Words what it says: the status, and what stands beside it.
    pub fn words(&self) -> String {
        let Self { status, reason, .. } = self;
        if reason.is_empty() { status.to_string() } else { format!("{status} {reason}") }
    }
}
