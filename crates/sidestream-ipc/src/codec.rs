//! Frames: a length of four bytes, then one protobuf message.

use prost::Message as _;
use sidestream_packet::Batch;

use crate::wire::{Envelope, FieldError, PacketsHead};
use crate::{
    DecodeError, EncodeError, MAX_DESCRIPTORS, MAX_FRAME, MAX_PACKETS, Message, PacketTag, VERSION,
};

const LEN_BYTES: usize = 4;

/// More room than this is given back once what filled it has been read.
const KEPT_BYTES: usize = 256 * 1024;

/// Appends a message as one frame.
///
/// # Errors
///
/// Fails if the message does not fit into a frame; `buf` is as it was then.
pub fn encode(message: &Message, buf: &mut Vec<u8>) -> Result<(), EncodeError> {
    if let Message::Packets(batch) = message {
        check_count(batch)?;
    }
    let envelope = Envelope::from(message);
    let len = envelope.encoded_len();
    let header = header(len)?;
    buf.reserve(LEN_BYTES + len);
    buf.extend_from_slice(&header);
    envelope.encode_raw(buf);
    Ok(())
}

/// Appends the frame of [`Message::Packets`] but for its end, which is the
/// [bytes](Batch::bytes) of the batch: who sends them right behind it need not copy them.
///
/// `tag` says of each packet what the message says of it.
///
/// # Errors
///
/// Fails if the whole does not fit into a frame; `buf` is as it was then.
pub fn encode_packets_head<T>(
    batch: &Batch<T>,
    tag: impl Fn(&T) -> PacketTag,
    buf: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    check_count(batch)?;
    let head = PacketsHead::new(batch, tag);
    buf.extend_from_slice(&header(head.encoded_len())?);
    head.encode(buf);
    Ok(())
}

fn check_count<T>(batch: &Batch<T>) -> Result<(), EncodeError> {
    match batch.len() {
        count if count > MAX_PACKETS => Err(EncodeError::TooManyPackets { count }),
        _ => Ok(()),
    }
}

fn header(len: usize) -> Result<[u8; LEN_BYTES], EncodeError> {
    let header = u32::try_from(len).ok().filter(|_| len <= MAX_FRAME);
    Ok(header.ok_or(EncodeError::TooLong { len })?.to_le_bytes())
}

/// A frame that has come whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The message; `None` if it is of a kind that only a newer version knows.
    pub message: Option<Message>,
    /// How many descriptors accompany it.
    pub descriptors: usize,
}

/// Cuts a stream of bytes into messages.
///
/// Feed it what comes, then poll until it has nothing more. After an error it gives that error for
/// ever: where the next frame begins cannot be known any more.
#[derive(Debug, Default)]
pub struct Decoder {
    /// What was fed and not yet given back begins at `start`.
    buf: Vec<u8>,
    start: usize,
    /// How many bytes of the stream came before `buf[start]`.
    offset: u64,
    skipped: u64,
    failed: Option<DecodeError>,
}

impl Decoder {
    /// Makes a decoder at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes that came.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.buf.drain(..self.start);
            self.start = 0;
            self.buf.extend_from_slice(bytes);
        }
    }

    /// Takes the next message, `None` if it has not come whole. Messages of kinds that only a
    /// newer version knows are skipped.
    ///
    /// # Errors
    ///
    /// Fails if the bytes are not what the protocol allows; nothing more can be read then.
    pub fn poll_message(&mut self) -> Result<Option<Message>, DecodeError> {
        while let Some(frame) = self.poll_frame()? {
            if frame.message.is_some() {
                return Ok(frame.message);
            }
        }
        Ok(None)
    }

    /// Takes the next frame, `None` if it has not come whole. This is for transports, which must
    /// know of the descriptors of a message that they skip.
    ///
    /// # Errors
    ///
    /// The same as those of [`poll_message`](Self::poll_message).
    pub fn poll_frame(&mut self) -> Result<Option<Frame>, DecodeError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.next_frame().inspect_err(|error| {
            self.failed = Some(error.clone());
            (self.buf, self.start) = (Vec::new(), 0);
        })
    }

    /// Returns how many bytes of a frame have come whose rest is missing.
    pub fn pending_bytes(&self) -> usize {
        self.buf.len() - self.start
    }

    /// Returns how many messages were skipped so far, as only a newer version knows their kind.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, DecodeError> {
        let rest = self.buf.get(self.start..).unwrap_or_default();
        let Some((header, rest)) = rest.split_first_chunk::<LEN_BYTES>() else { return Ok(None) };
        let len = body_len(*header, self.offset)?;
        let Some(body) = rest.get(..len) else { return Ok(None) };
        let frame = frame(body, self.offset)?;
        self.skipped += u64::from(frame.message.is_none());
        self.start += LEN_BYTES + len;
        self.offset += (LEN_BYTES + len) as u64;
        if self.start == self.buf.len() {
            self.buf.clear();
            self.buf.shrink_to(KEPT_BYTES);
            self.start = 0;
        }
        Ok(Some(frame))
    }
}

/// Reads the length that a frame begins with, before any room is made for it.
fn body_len(header: [u8; LEN_BYTES], offset: u64) -> Result<usize, DecodeError> {
    let len = u32::from_le_bytes(header);
    match usize::try_from(len) {
        Ok(0) => Err(DecodeError::Empty { offset }),
        Ok(len) if len <= MAX_FRAME => Ok(len),
        _ => Err(DecodeError::TooLong { offset, len }),
    }
}

/// Reads what follows the length.
fn frame(body: &[u8], offset: u64) -> Result<Frame, DecodeError> {
    let envelope = Envelope::decode(body)
        .map_err(|error| DecodeError::Malformed { offset, reason: error.to_string() })?;
    let announced = envelope.descriptors;
    let descriptors = usize::try_from(announced)
        .ok()
        .filter(|count| *count <= MAX_DESCRIPTORS)
        .ok_or(DecodeError::TooManyDescriptors { offset, announced })?;
    let message = match envelope.kind.map(Message::try_from) {
        Some(Ok(message)) => message,
        None | Some(Err(FieldError::Unknown)) => return Ok(Frame { message: None, descriptors }),
        Some(Err(FieldError::Missing(field))) => {
            return Err(DecodeError::Missing { offset, field });
        }
        Some(Err(FieldError::Invalid(field))) => {
            return Err(DecodeError::Invalid { offset, field });
        }
    };
    if message.descriptors() != descriptors {
        let taken = message.descriptors();
        return Err(DecodeError::Descriptors { offset, announced: descriptors, taken });
    }
    match message {
        Message::Hello(hello) if hello.version != VERSION => {
            Err(DecodeError::Version { version: hello.version, program: hello.program })
        }
        message => Ok(Frame { message: Some(message), descriptors }),
    }
}
