//! Checks text for UTF-8 as it comes.

/// Checks one text, which may be cut anywhere.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Utf8 {
    /// The beginning of a character whose end has not come.
    begun: [u8; 4],
    len: usize,
    invalid: bool,
}

impl Utf8 {
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        while self.len > 0
            && !self.invalid
            && let [first, rest @ ..] = bytes
        {
            self.begun[self.len] = *first;
            self.len += 1;
            bytes = rest;
            match std::str::from_utf8(&self.begun[..self.len]) {
                Ok(_) => self.len = 0,
                Err(error) => self.invalid = error.error_len().is_some(),
            }
        }
        if self.invalid {
            return;
        }
        if let Err(error) = std::str::from_utf8(bytes) {
            let begun = &bytes[error.valid_up_to()..];
            self.invalid = error.error_len().is_some();
            if !self.invalid {
                self.begun[..begun.len()].copy_from_slice(begun);
                self.len = begun.len();
            }
        }
    }

    /// Returns whether all that came is valid, and ends with a character.
    pub(super) const fn is_valid(&self) -> bool {
        !self.invalid && self.len == 0
    }
}
