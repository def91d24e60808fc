//! The small messages.

use bytes::Bytes;

use super::FieldError;
use super::addr::Addr;
use crate::{Level, NoticeKind};

/// A message whose kind says all.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Nothing {}

/// Who speaks. It keeps its form in every version, so that versions can be told apart.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Hello {
    #[prost(uint32, tag = "1")]
    pub(crate) version: u32,
    #[prost(string, tag = "2")]
    pub(crate) program: String,
}

/// What to capture at first.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Start {
    #[prost(string, tag = "1")]
    spec: String,
    #[prost(bool, tag = "2")]
    reset_existing: bool,
}

/// What to capture from now on.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SetSpec {
    #[prost(uint64, tag = "1")]
    serial: u64,
    #[prost(string, tag = "2")]
    spec: String,
    #[prost(bool, tag = "3")]
    reset_existing: bool,
}

/// The answer to it.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SpecSet {
    #[prost(uint64, tag = "1")]
    pub(crate) serial: u64,
    #[prost(string, optional, tag = "2")]
    pub(crate) error: Option<String>,
}

/// What a running capture can do.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Started {
    #[prost(bool, tag = "1")]
    ipv6: bool,
    #[prost(bool, tag = "2")]
    udp: bool,
    #[prost(bool, tag = "3")]
    all_users: bool,
}

/// Why there is no capture.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Refused {
    #[prost(string, tag = "1")]
    what: String,
    #[prost(string, optional, tag = "2")]
    remedy: Option<String>,
}

/// A process that no flow will name again.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Forget {
    #[prost(uint64, tag = "1")]
    pub(crate) key: u64,
}

/// A datagram of a flow.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Datagram {
    #[prost(uint64, tag = "1")]
    pub(crate) flow: u64,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) payload: Bytes,
}

/// A UDP flow whose socket is closed.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Closed {
    #[prost(uint64, tag = "1")]
    pub(crate) flow: u64,
}

/// Something that users may want to know.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Notice {
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(uint64, optional, tag = "2")]
    process: Option<u64>,
    #[prost(message, optional, tag = "3")]
    destination: Option<Addr>,
    #[prost(uint64, tag = "4")]
    count: u64,
}

/// A line of the helper's log.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Log {
    #[prost(uint32, tag = "1")]
    pub(crate) level: u32,
    #[prost(string, tag = "2")]
    pub(crate) text: String,
}

impl From<&crate::Hello> for Hello {
    fn from(hello: &crate::Hello) -> Self {
        Self { version: hello.version, program: hello.program.clone() }
    }
}

impl From<&crate::Start> for Start {
    fn from(start: &crate::Start) -> Self {
        Self { spec: start.spec.clone(), reset_existing: start.reset_existing }
    }
}

impl From<Start> for crate::Start {
    fn from(Start { spec, reset_existing }: Start) -> Self {
        Self { spec, reset_existing }
    }
}

impl From<&crate::SetSpec> for SetSpec {
    fn from(request: &crate::SetSpec) -> Self {
        let crate::SetSpec { serial, spec, reset_existing } = request.clone();
        Self { serial, spec, reset_existing }
    }
}

impl From<SetSpec> for crate::SetSpec {
    fn from(SetSpec { serial, spec, reset_existing }: SetSpec) -> Self {
        Self { serial, spec, reset_existing }
    }
}

impl From<crate::Started> for Started {
    fn from(crate::Started { ipv6, udp, all_users }: crate::Started) -> Self {
        Self { ipv6, udp, all_users }
    }
}

impl From<Started> for crate::Started {
    fn from(Started { ipv6, udp, all_users }: Started) -> Self {
        Self { ipv6, udp, all_users }
    }
}

impl From<&crate::Refused> for Refused {
    fn from(refused: &crate::Refused) -> Self {
        Self { what: refused.what.clone(), remedy: refused.remedy.clone() }
    }
}

impl From<Refused> for crate::Refused {
    fn from(Refused { what, remedy }: Refused) -> Self {
        Self { what, remedy }
    }
}

impl From<&crate::Notice> for Notice {
    fn from(notice: &crate::Notice) -> Self {
        Self {
            kind: kind_to(notice.kind),
            process: notice.process,
            destination: notice.destination.map(Addr::from),
            count: notice.count,
        }
    }
}

impl TryFrom<Notice> for crate::Notice {
    type Error = FieldError;

    fn try_from(notice: Notice) -> Result<Self, FieldError> {
        Ok(Self {
            kind: kind_from(notice.kind)?,
            process: notice.process,
            destination: notice.destination.map(TryInto::try_into).transpose()?,
            count: notice.count,
        })
    }
}

fn kind_to(kind: NoticeKind) -> u32 {
    match kind {
        NoticeKind::BoundDevice => 1,
        NoticeKind::EventsLost => 2,
        NoticeKind::ForeignNamespace => 3,
        NoticeKind::Full => 4,
        NoticeKind::Marked => 5,
        NoticeKind::OtherUser => 6,
        NoticeKind::Reset => 7,
        NoticeKind::ResetFailed => 8,
        NoticeKind::Stale => 9,
        NoticeKind::Unclaimed => 10,
    }
}

fn kind_from(number: u32) -> Result<NoticeKind, FieldError> {
    Ok(match number {
        0 => return Err(FieldError::Missing("the kind of a notice")),
        1 => NoticeKind::BoundDevice,
        2 => NoticeKind::EventsLost,
        3 => NoticeKind::ForeignNamespace,
        4 => NoticeKind::Full,
        5 => NoticeKind::Marked,
        6 => NoticeKind::OtherUser,
        7 => NoticeKind::Reset,
        8 => NoticeKind::ResetFailed,
        9 => NoticeKind::Stale,
        10 => NoticeKind::Unclaimed,
        _ => return Err(FieldError::Unknown),
    })
}

pub(super) fn level_to(level: Level) -> u32 {
    match level {
        Level::Error => 1,
        Level::Warn => 2,
        Level::Info => 3,
        Level::Debug => 4,
        Level::Trace => 5,
    }
}

pub(super) fn level_from(number: u32) -> Result<Level, FieldError> {
    Ok(match number {
        0 => return Err(FieldError::Missing("the level of a log line")),
        1 => Level::Error,
        2 => Level::Warn,
        3 => Level::Info,
        4 => Level::Debug,
        5 => Level::Trace,
        _ => return Err(FieldError::Unknown),
    })
}
