//! The messages as protobuf has them, apart from the types that users see.
//!
//! Numbers here are for ever: a field that goes leaves its number unused.

mod addr;
mod body;
mod flow;
mod process;

use crate::{Hello, Message, ProcessRecord};

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
        tags = "2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20"
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
            Kind::Closed(body::Closed { flow }) => Self::Closed { flow },
            Kind::Notice(notice) => Self::Notice(notice.try_into()?),
            Kind::Log(body::Log { level, text }) => {
                Self::Log { level: body::level_from(level)?, text }
            }
        })
    }
}

/// Takes a part that the message needs.
fn required<T>(part: Option<T>, name: &'static str) -> Result<T, FieldError> {
    part.ok_or(FieldError::Missing(name))
}
