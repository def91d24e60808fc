//! Messages over a stream of bytes.

use std::io;

use sidestream_ipc::{DecodeError, Decoder, Message};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// How much is read at once: about a batch of packets.
const READ_BYTES: usize = 256 * 1024;

/// Why no more messages come.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("the stream ended within a message")]
    CutOff,
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Cuts what is read into messages.
#[derive(Debug)]
pub(crate) struct Link<R> {
    stream: R,
    decoder: Decoder,
    buf: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Link<R> {
    pub(crate) fn new(stream: R) -> Self {
        Self { stream, decoder: Decoder::new(), buf: vec![0; READ_BYTES] }
    }

    /// Takes the next message; `None` at the end of the stream. Nothing is lost if the future is
    /// dropped.
    pub(crate) async fn receive(&mut self) -> Result<Option<Message>, LinkError> {
        loop {
            if let Some(message) = self.decoder.poll_message()? {
                return Ok(Some(message));
            }
            match self.stream.read(&mut self.buf).await? {
                0 if self.decoder.pending_bytes() > 0 => return Err(LinkError::CutOff),
                0 => return Ok(None),
                len => self.decoder.feed(&self.buf[..len]),
            }
        }
    }
}
