//! The messages as protobuf has them, apart from the types that users see.
//!
//! Numbers here are for ever: a field that goes leaves its number unused.

mod addr;
mod body;
mod flow;
mod packets;
mod process;

use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};
use sidestream_packet::Batch;

use crate::{Hello, Message, PacketTag, ProcessRecord};

/// Why a field could not be turned into what it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldError {
    /// It is not there.
    Missing(&'static str),
    /// It holds what it cannot mean.
    Invalid(&'static str),
    /// It names what only a newer version knows; the message can be skipped.
    Unknown,
}

/// What a frame holds.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Envelope {
    /// How many descriptors accompany the frame.
    #[prost(uint32, tag = "1")]
    pub(crate) descriptors: u32,
    /// `None` for a kind of a newer version.
    #[prost(
        oneof = "Kind",
        tags = "2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22"
    )]
    pub(crate) kind: Option<Kind>,
}

/// The message itself. The most frequent ones have numbers below 16, which take one byte.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Kind {
    #[prost(message, tag = "2")]
    Hello(body::Hello),
    #[prost(message, tag = "3")]
    Start(body::Start),
    #[prost(message, tag = "4")]
    SetSpec(body::SetSpec),
    #[prost(message, tag = "5")]
    Knocked(body::Nothing),
    #[prost(message, tag = "6")]
    Beat(body::Nothing),
    #[prost(message, tag = "7")]
    Stop(body::Nothing),
    #[prost(message, tag = "8")]
    Knock(addr::Addr),
    #[prost(message, tag = "9")]
    Started(body::Started),
    #[prost(message, boxed, tag = "10")]
    Process(Box<process::Record>),
    #[prost(message, tag = "11")]
    Forget(body::Forget),
    #[prost(message, tag = "12")]
    Flow(flow::Flow),
    #[prost(message, tag = "13")]
    Datagram(body::Datagram),
    #[prost(message, tag = "14")]
    Closed(body::Closed),
    #[prost(message, tag = "15")]
    Notice(body::Notice),
    #[prost(message, tag = "16")]
    Refused(body::Refused),
    #[prost(message, tag = "17")]
    SpecSet(body::SpecSet),
    #[prost(message, tag = "18")]
    Log(body::Log),
    #[prost(message, tag = "19")]
    Open(flow::OpenSocket),
    #[prost(message, tag = "20")]
    Opened(flow::Opened),
    #[prost(message, tag = "21")]
    Diverted(packets::Diverted),
    #[prost(message, tag = "22")]
    Packets(packets::Packets),
}

impl From<&Message> for Envelope {
    fn from(message: &Message) -> Self {
        // At most `MAX_DESCRIPTORS`.
        let descriptors = message.descriptors() as u32;
        Self { descriptors, kind: Some(message.into()) }
    }
}

impl From<&Message> for Kind {
    fn from(message: &Message) -> Self {
        match message {
            Message::Hello(hello) => Self::Hello(hello.into()),
            Message::Start(start) => Self::Start(start.into()),
            Message::SetSpec(request) => Self::SetSpec(request.into()),
            Message::Knocked => Self::Knocked(body::Nothing {}),
            Message::Beat => Self::Beat(body::Nothing {}),
            Message::Stop => Self::Stop(body::Nothing {}),
            Message::Knock(addr) => Self::Knock((*addr).into()),
            Message::Started(started) => Self::Started((*started).into()),
            Message::Refused(refused) => Self::Refused(refused.into()),
            Message::SpecSet { serial, error } => {
                Self::SpecSet(body::SpecSet { serial: *serial, error: error.clone() })
            }
            Message::Process(record) => Self::Process(Box::new((&**record).into())),
            Message::Forget { key } => Self::Forget(body::Forget { key: *key }),
            Message::Flow(flow) => Self::Flow(flow.into()),
            Message::Datagram { flow, payload } => {
                Self::Datagram(body::Datagram { flow: *flow, payload: payload.clone() })
            }
            Message::Open(request) => Self::Open((*request).into()),
            Message::Opened { serial, error } => {
                Self::Opened(flow::Opened { serial: *serial, error: *error })
            }
            Message::Diverted(flow) => Self::Diverted(flow.into()),
            Message::Packets(batch) => Self::Packets(batch.into()),
            Message::Closed { flow } => Self::Closed(body::Closed { flow: *flow }),
            Message::Notice(notice) => Self::Notice(notice.into()),
            Message::Log { level, text } => {
                Self::Log(body::Log { level: body::level_to(*level), text: text.clone() })
            }
        }
    }
}

impl TryFrom<Kind> for Message {
    type Error = FieldError;

    fn try_from(kind: Kind) -> Result<Self, FieldError> {
        Ok(match kind {
            Kind::Hello(body::Hello { version, program }) => {
                Self::Hello(Hello { version, program })
            }
            Kind::Start(start) => Self::Start(start.into()),
            Kind::SetSpec(request) => Self::SetSpec(request.into()),
            Kind::Knocked(body::Nothing {}) => Self::Knocked,
            Kind::Beat(body::Nothing {}) => Self::Beat,
            Kind::Stop(body::Nothing {}) => Self::Stop,
            Kind::Knock(addr) => Self::Knock(addr.try_into()?),
            Kind::Started(started) => Self::Started(started.into()),
            Kind::Refused(refused) => Self::Refused(refused.into()),
            Kind::SpecSet(body::SpecSet { serial, error }) => Self::SpecSet { serial, error },
            Kind::Process(record) => ProcessRecord::try_from(*record)?.into(),
            Kind::Forget(body::Forget { key }) => Self::Forget { key },
            Kind::Flow(flow) => Self::Flow(flow.try_into()?),
            Kind::Datagram(body::Datagram { flow, payload }) => Self::Datagram { flow, payload },
            Kind::Open(request) => Self::Open(request.try_into()?),
            Kind::Opened(flow::Opened { serial, error }) => Self::Opened { serial, error },
            Kind::Diverted(flow) => Self::Diverted(flow.try_into()?),
            Kind::Packets(packets) => Self::Packets(packets.try_into()?),
            Kind::Closed(body::Closed { flow }) => Self::Closed { flow },
            Kind::Notice(notice) => Self::Notice(notice.try_into()?),
            Kind::Log(body::Log { level, text }) => {
                Self::Log { level: body::level_from(level)?, text }
            }
        })
    }
}

/// The number of the envelope's field that holds packets.
const PACKETS: u32 = 22;

/// All of an envelope of packets but their bytes, which come last in it.
pub(crate) struct PacketsHead {
    columns: packets::Packets,
    bytes: usize,
}

impl PacketsHead {
    pub(crate) fn new<T>(batch: &Batch<T>, tag: impl Fn(&T) -> PacketTag) -> Self {
        Self { columns: packets::Packets::head(batch, tag), bytes: batch.bytes().len() }
    }

    /// Returns how long the envelope is with its bytes.
    pub(crate) fn encoded_len(&self) -> usize {
        let message = self.message_len();
        key_len(PACKETS) + encoded_len_varint(message as u64) + message
    }

    pub(crate) fn encode(&self, buf: &mut Vec<u8>) {
        encode_key(PACKETS, WireType::LengthDelimited, buf);
        encode_varint(self.message_len() as u64, buf);
        prost::Message::encode_raw(&self.columns, buf);
        if self.bytes > 0 {
            encode_key(packets::BYTES, WireType::LengthDelimited, buf);
            encode_varint(self.bytes as u64, buf);
        }
    }

    fn message_len(&self) -> usize {
        let bytes = match self.bytes {
            0 => 0,
            len => key_len(packets::BYTES) + encoded_len_varint(len as u64) + len,
        };
        prost::Message::encoded_len(&self.columns) + bytes
    }
}

/// Takes a part that the message needs.
fn required<T>(part: Option<T>, name: &'static str) -> Result<T, FieldError> {
    part.ok_or(FieldError::Missing(name))
}
