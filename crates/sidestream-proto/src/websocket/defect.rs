//! Departures from the standard that are passed on as they are.

use std::fmt;

use super::reader::FrameError;

/// A departure from RFC 6455 or RFC 7692, or content that is not read for its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Defect {
    /// A close code that must not be sent.
    CloseCode,
    /// A close frame with one byte, which is half a code.
    CloseTooShort,
    /// A continuation frame, and no message to continue.
    ContinuationOfNothing,
    /// Compressed content that expands beyond the limits.
    Expansion,
    /// A control frame that is not the last of its message.
    FragmentedControl,
    /// A frame after the close frame.
    FrameAfterClose,
    /// Compressed content that cannot be inflated.
    InvalidDeflate,
    /// Text, or the reason of a close, that is not UTF-8.
    InvalidUtf8,
    /// A length beyond 2⁶³.
    LengthTooLarge,
    /// A length in more bytes than it needs.
    LengthPadded,
    /// A masked frame from the server.
    Masked,
    /// A message that begins before the one before it has ended.
    MessageInMessage,
    /// A control frame with more than 125 bytes.
    OversizedControl,
    /// A reserved bit that no extension gave a meaning.
    ReservedBits,
    /// An opcode that is not in use.
    ReservedOpcode,
    /// An unmasked frame from the client.
    Unmasked,
}

impl From<FrameError> for Defect {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::LengthTooLarge => Self::LengthTooLarge,
        }
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CloseCode => "a close frame has a code that must not be sent",
            Self::CloseTooShort => "a close frame has half a code",
            Self::ContinuationOfNothing => "a continuation frame continues no message",
            Self::Expansion => "compressed messages expand too much to be inflated further",
            Self::FragmentedControl => "a control frame is fragmented",
            Self::FrameAfterClose => "a frame comes after the close frame",
            Self::InvalidDeflate => "a compressed message cannot be inflated",
            Self::InvalidUtf8 => "a text message or the reason of a close is not UTF-8",
            Self::LengthTooLarge => "the length of a frame is beyond 2⁶³",
            Self::LengthPadded => "the length of a frame stands in more bytes than it needs",
            Self::Masked => "a frame from the server is masked",
            Self::MessageInMessage => "a message begins within another",
            Self::OversizedControl => "a control frame has more than 125 bytes",
            Self::ReservedBits => "a reserved bit is set that was not agreed on",
            Self::ReservedOpcode => "a frame has a reserved opcode",
            Self::Unmasked => "a frame from the client is not masked",
        })
    }
}
