//! WebSocket messages on disk, their content apart.

use bytes::Bytes;
use sidestream_flow::{ExchangeId, MessageId};
use sidestream_record::{MessageChange, MessageEdit, WebSocketKind, WebSocketMessage};

use super::{DecodeError, FieldReader, Value, peer_from, peer_to};

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireWebSocket {
    #[prost(uint64, tag = "1")]
    exchange: u64,
    #[prost(uint64, tag = "2")]
    message: u64,
    #[prost(uint64, tag = "3")]
    from: u64,
    /// As on the wire: 1 text, 2 binary, 8 close, 9 ping, 10 pong; any other is reserved.
    #[prost(uint32, tag = "4")]
    opcode: u32,
    /// The code of a close.
    #[prost(uint32, optional, tag = "5")]
    code: Option<u32>,
    #[prost(uint64, tag = "6")]
    dropped: u64,
    #[prost(uint32, tag = "7")]
    fragments: u32,
    #[prost(bool, tag = "8")]
    compressed: bool,
    #[prost(bool, tag = "9")]
    encoded: bool,
    #[prost(bool, tag = "10")]
    ended: bool,
    #[prost(bool, tag = "11")]
    injected: bool,
    #[prost(message, optional, tag = "12")]
    edit: Option<WireMessageEdit>,
}

/// Returns the exchange that opened the WebSocket of a message, if it can be read.
pub(crate) fn web_socket_exchange(payload: &Bytes) -> Option<u64> {
    for field in FieldReader::new(payload.clone()) {
        if let (1, Value::Number(exchange)) = field.ok()? {
            return Some(exchange);
        }
    }
    None
}

/// What a hook did; `kind` is 1 dropped, 2 replaced, 3 too long.
#[derive(Clone, PartialEq, prost::Message)]
struct WireMessageEdit {
    #[prost(uint64, tag = "1")]
    of: u64,
    #[prost(string, tag = "2")]
    by: String,
    #[prost(uint32, tag = "3")]
    kind: u32,
    #[prost(uint64, tag = "4")]
    limit_bytes: u64,
}

impl From<&MessageEdit> for WireMessageEdit {
    fn from(MessageEdit { of, by, change }: &MessageEdit) -> Self {
        let (kind, limit_bytes) = match change {
            MessageChange::Dropped => (1, 0),
            MessageChange::Replaced => (2, 0),
            MessageChange::TooLong { limit_bytes } => (3, *limit_bytes),
            _ => (0, 0),
        };
        Self { of: of.0, by: by.clone(), kind, limit_bytes }
    }
}

impl TryFrom<WireMessageEdit> for MessageEdit {
    type Error = DecodeError;

    fn try_from(edit: WireMessageEdit) -> Result<Self, DecodeError> {
        let WireMessageEdit { of, by, kind, limit_bytes } = edit;
        let change = match kind {
            1 => MessageChange::Dropped,
            2 => MessageChange::Replaced,
            3 => MessageChange::TooLong { limit_bytes },
            _ => return Err(DecodeError::Unknown),
        };
        Ok(Self { of: MessageId(of), by, change })
    }
}

impl From<&WebSocketMessage> for WireWebSocket {
    fn from(message: &WebSocketMessage) -> Self {
        let WebSocketMessage { exchange, message: id, from, kind, .. } = message;
        let WebSocketMessage { data: _, dropped, fragments, .. } = message;
        let WebSocketMessage { compressed, encoded, ended, injected, edit, .. } = message;
        let (opcode, code) = match kind {
            WebSocketKind::Text => (1, None),
            WebSocketKind::Binary => (2, None),
            WebSocketKind::Close { code } => (8, code.map(u32::from)),
            WebSocketKind::Ping => (9, None),
            WebSocketKind::Pong => (10, None),
            WebSocketKind::Reserved { opcode } => (u32::from(*opcode), None),
            // No number on the wire is as large.
            _ => (u32::MAX, None),
        };
        Self {
            exchange: exchange.0,
            message: id.0,
            from: peer_to(*from),
            opcode,
            code,
            dropped: *dropped,
            fragments: *fragments,
            compressed: *compressed,
            encoded: *encoded,
            ended: *ended,
            injected: *injected,
            edit: edit.as_deref().map(Into::into),
        }
    }
}

impl WireWebSocket {
    /// Makes the message; of its content, so many bytes were dropped if it was.
    pub(super) fn with_content(
        self,
        data: Bytes,
        dropped: Option<u64>,
    ) -> Result<WebSocketMessage, DecodeError> {
        let code = self.code.and_then(|code| u16::try_from(code).ok());
        let kind = match self.opcode {
            1 => WebSocketKind::Text,
            2 => WebSocketKind::Binary,
            8 => WebSocketKind::Close { code },
            9 => WebSocketKind::Ping,
            10 => WebSocketKind::Pong,
            opcode => {
                let opcode = u8::try_from(opcode).map_err(|_too_large| DecodeError::Unknown)?;
                WebSocketKind::Reserved { opcode }
            }
        };
        Ok(WebSocketMessage {
            exchange: ExchangeId(self.exchange),
            message: MessageId(self.message),
            from: peer_from(self.from)?,
            kind,
            data,
            dropped: self.dropped.saturating_add(dropped.unwrap_or_default()),
            fragments: self.fragments,
            compressed: self.compressed,
            encoded: self.encoded,
            ended: self.ended,
            injected: self.injected,
            edit: self.edit.map(TryInto::try_into).transpose()?.map(Box::new),
        })
    }
}
