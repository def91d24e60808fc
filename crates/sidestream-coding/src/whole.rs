//! A whole body at once.

use crate::codings::Codings;
use crate::decoder::Decoder;
use crate::error::DecodeError;
use crate::limits::Limits;

/// What a body decodes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// What there is, up to the error if there is one.
    pub bytes: Vec<u8>,
    /// Why it is not all.
    pub error: Option<DecodeError>,
}

impl Decoded {
    /// Returns the bytes if they are all.
    ///
    /// # Errors
    ///
    /// They are not.
    pub fn whole(self) -> Result<Vec<u8>, DecodeError> {
        match self.error {
            None => Ok(self.bytes),
            Some(error) => Err(error),
        }
    }
}

/// Takes the codings off a whole body.
pub fn decode(codings: &Codings, body: &[u8], limits: Limits) -> Decoded {
    let mut bytes = Vec::new();
    let mut run = || {
        let mut decoder = Decoder::new(codings, limits)?;
        decoder.push(body, &mut |piece| bytes.extend_from_slice(piece))?;
        decoder.finish(&mut |piece| bytes.extend_from_slice(piece))
    };
    let error = run().err();
    Decoded { bytes, error }
}
