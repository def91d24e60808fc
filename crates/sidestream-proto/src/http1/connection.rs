//! What a head says about its connection (RFC 9112 §9, RFC 9110 §7.6.1, §7.8 and §10.1.1).

use bytes::Bytes;
use sidestream_record::{Fields, RequestHead, Version};

use super::bytes_of::list;

/// Returns whether the connection stays open after a message with these fields.
pub fn persists(version: Version, fields: &Fields) -> bool {
    let says = |token| {
        has_token(fields, "connection", token) || has_token(fields, "proxy-connection", token)
    };
    !says("close") && (version > Version::Http10 || says("keep-alive"))
}

/// Returns whether the client waits for a 100 before it sends the body.
pub fn expects_continue(head: &RequestHead) -> bool {
    head.version > Version::Http10 && has_token(&head.fields, "expect", "100-continue")
}

/// Returns the protocols that an upgrade asks for, or with a 101 leads to, such as `websocket`.
pub fn upgrade(fields: &Fields) -> Option<&Bytes> {
    let protocols = fields.get("upgrade").filter(|protocols| !protocols.is_empty())?;
    has_token(fields, "connection", "upgrade").then_some(protocols)
}

/// Returns whether a field of that name lists that token.
pub(super) fn has_token(fields: &Fields, name: &str, token: &str) -> bool {
    let same = |member: &[u8]| member.eq_ignore_ascii_case(token.as_bytes());
    fields.get_all(name).any(|value| list(value).any(same))
}
