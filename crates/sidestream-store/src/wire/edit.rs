//! What hooks changed, on disk.

use bytes::Bytes;
use sidestream_record::{Change, Edit, Part, SentBody};

use super::http::{WireRequest, WireResponse};
use super::{DecodeError, required};

/// An edit; `kind` is 1 answered, 2 killed, 3 request, 4 response, 5 request too long, 6 response
/// too long, 7 redirected.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireEdit {
    #[prost(string, tag = "1")]
    by: String,
    #[prost(uint32, tag = "2")]
    kind: u32,
    #[prost(message, optional, tag = "3")]
    request: Option<WireRequest>,
    #[prost(message, optional, tag = "4")]
    response: Option<WireResponse>,
    #[prost(message, optional, tag = "5")]
    body: Option<WireBody>,
    #[prost(uint64, tag = "6")]
    limit_bytes: u64,
    #[prost(string, tag = "7")]
    host: String,
    #[prost(uint32, tag = "8")]
    port: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireBody {
    #[prost(uint64, tag = "1")]
    bytes: u64,
    #[prost(bytes = "bytes", tag = "2")]
    beginning: Bytes,
}

impl From<&SentBody> for WireBody {
    fn from(body: &SentBody) -> Self {
        Self { bytes: body.bytes, beginning: body.beginning.clone() }
    }
}

impl From<WireBody> for SentBody {
    fn from(body: WireBody) -> Self {
        Self { bytes: body.bytes, beginning: body.beginning }
    }
}

impl From<&Edit> for WireEdit {
    fn from(Edit { by, change }: &Edit) -> Self {
        let edit = Self { by: by.clone(), ..Self::default() };
        match change {
            Change::Answered { head, body } => {
                Self { kind: 1, response: Some(head.into()), body: Some(body.into()), ..edit }
            }
            Change::Killed => Self { kind: 2, ..edit },
            Change::Redirected { host, port } => {
                let port = u32::from(*port);
                Self { kind: 7, host: host.clone(), port, ..edit }
            }
            Change::Request { url, head, body } => {
                let request = Some(WireRequest::new(url, head));
                Self { kind: 3, request, body: body.as_ref().map(Into::into), ..edit }
            }
            Change::Response { head, body } => {
                let body = body.as_ref().map(Into::into);
                Self { kind: 4, response: Some(head.into()), body, ..edit }
            }
            Change::TooLong { part: Part::Request, limit_bytes } => {
                Self { kind: 5, limit_bytes: *limit_bytes, ..edit }
            }
            Change::TooLong { part: Part::Response, limit_bytes } => {
                Self { kind: 6, limit_bytes: *limit_bytes, ..edit }
            }
            _ => edit,
        }
    }
}

impl TryFrom<WireEdit> for Edit {
    type Error = DecodeError;

    fn try_from(edit: WireEdit) -> Result<Self, DecodeError> {
        let WireEdit { by, kind, request, response, body, limit_bytes, host, port } = edit;
        let body = body.map(SentBody::from);
        let response = || required(response, "the response of an edit")?.try_into();
        let change = match kind {
            1 => Change::Answered { head: response()?, body: body.unwrap_or_default() },
            2 => Change::Killed,
            3 => {
                let (url, head) = required(request, "the request of an edit")?.into_parts()?;
                Change::Request { url, head, body }
            }
            4 => Change::Response { head: response()?, body },
            5 => Change::TooLong { part: Part::Request, limit_bytes },
            6 => Change::TooLong { part: Part::Response, limit_bytes },
            7 => {
                let port = u16::try_from(port).map_err(|_too_large| DecodeError::Unknown)?;
                Change::Redirected { host, port }
            }
            _ => return Err(DecodeError::Unknown),
        };
        Ok(Self { by, change })
    }
}
