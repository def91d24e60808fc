//! What ends a channel.

use std::io;

use sidestream_ipc::{DecodeError, EncodeError};

/// Why a channel cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChannelError {
    /// The other side has gone.
    #[error("the other side has gone")]
    Closed,
    /// The other side has gone in the middle of a frame.
    #[error("the other side has gone in the middle of a frame, after {pending} bytes of it")]
    CutOff {
        /// How many bytes of the frame had come.
        pending: usize,
    },
    /// The other side sent what is no message.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A message could not be made into a frame; nothing of it was sent.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The socket failed.
    #[error("the socket between the proxy and the helper failed")]
    Io(#[from] io::Error),
    /// More descriptors came at once than any frame has.
    #[error("more descriptors came at once than any frame has")]
    TooMany,
    /// A frame announced descriptors that did not come.
    #[error("a frame announces {announced} descriptors and {came} came")]
    Missing {
        /// How many it announced.
        announced: usize,
        /// How many came.
        came: usize,
    },
    /// A message was to be sent with another number of descriptors than it takes.
    #[error("the message takes {takes} descriptors and was given {given}")]
    Mismatch {
        /// How many it takes.
        takes: usize,
        /// How many it was given.
        given: usize,
    },
    /// Descriptors came that no frame announced.
    #[error("{count} descriptors came that no frame announced")]
    Unannounced {
        /// How many.
        count: usize,
    },
}

impl From<ChannelError> for io::Error {
    fn from(error: ChannelError) -> Self {
        let kind = match &error {
            ChannelError::Closed => io::ErrorKind::BrokenPipe,
            ChannelError::CutOff { .. } => io::ErrorKind::UnexpectedEof,
            ChannelError::Io(error) => error.kind(),
            ChannelError::Encode(_) | ChannelError::Mismatch { .. } => io::ErrorKind::InvalidInput,
            ChannelError::Decode(_)
            | ChannelError::TooMany
            | ChannelError::Missing { .. }
            | ChannelError::Unannounced { .. } => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}
