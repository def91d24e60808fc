//! Heads of HTTP messages on disk.

use bytes::Bytes;
use sidestream_record::{Field, Fields, RequestHead, ResponseHead, Version};

use super::{DecodeError, bounded};

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireField {
    #[prost(bytes = "bytes", tag = "1")]
    name: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    value: Bytes,
}

pub(crate) fn fields_to(fields: &Fields) -> Vec<WireField> {
    let field = |field: &Field| WireField { name: field.name.clone(), value: field.value.clone() };
    fields.iter().map(field).collect()
}

pub(crate) fn fields_from(fields: Vec<WireField>) -> Fields {
    fields.into_iter().map(|field| Field { name: field.name, value: field.value }).collect()
}

/// The version as ten times its number: 10, 11, 20, 30.
pub(crate) fn version_to(version: Version) -> u32 {
    version.number().into()
}

pub(super) fn version_from(version: u32) -> Result<Version, DecodeError> {
    let found = Version::ALL.into_iter().find(|it| version_to(*it) == version);
    found.ok_or(DecodeError::Unknown)
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireRequest {
    #[prost(string, tag = "1")]
    pub(crate) url: String,
    #[prost(bytes = "bytes", tag = "2")]
    method: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    target: Bytes,
    #[prost(uint32, tag = "4")]
    version: u32,
    #[prost(message, repeated, tag = "5")]
    fields: Vec<WireField>,
}

impl WireRequest {
    pub(crate) fn new(url: &str, head: &RequestHead) -> Self {
        Self {
            url: url.to_owned(),
            method: head.method.clone(),
            target: head.target.clone(),
            version: version_to(head.version),
            fields: fields_to(&head.fields),
        }
    }

    pub(crate) fn into_parts(self) -> Result<(String, RequestHead), DecodeError> {
        let head = RequestHead {
            method: self.method,
            target: self.target,
            version: version_from(self.version)?,
            fields: fields_from(self.fields),
        };
        Ok((self.url, head))
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireResponse {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(uint32, tag = "2")]
    status: u32,
    #[prost(bytes = "bytes", tag = "3")]
    reason: Bytes,
    #[prost(message, repeated, tag = "4")]
    fields: Vec<WireField>,
}

impl From<&ResponseHead> for WireResponse {
    fn from(head: &ResponseHead) -> Self {
        Self {
            version: version_to(head.version),
            status: u32::from(head.status),
            reason: head.reason.clone(),
            fields: fields_to(&head.fields),
        }
    }
}

impl TryFrom<WireResponse> for ResponseHead {
    type Error = DecodeError;

    fn try_from(head: WireResponse) -> Result<Self, DecodeError> {
        Ok(Self {
            version: version_from(head.version)?,
            status: bounded(head.status, "a status code")?,
            reason: head.reason,
            fields: fields_from(head.fields),
        })
    }
}
