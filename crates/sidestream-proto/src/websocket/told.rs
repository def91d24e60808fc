//! What is told of a WebSocket.

use bytes::Bytes;
use sidestream_flow::{ExchangeId, MessageId, Peer};
use sidestream_record::{Alteration, Event, MessageEdit, WebSocketKind, WebSocketMessage};

use super::{Defect, Message};
use crate::cx::Cx;

/// Of whom it is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) exchange: ExchangeId,
    pub(super) from: Peer,
}

/// Tells of a message, and returns its id.
pub(super) fn message(of: Told, message: Message, cx: &mut Cx) -> MessageId {
    let Message { kind, mut data, mut dropped, fragments, compressed, encoded, ended } = message;
    // What hooks see may be longer than what is recorded.
    let over = data.len().saturating_sub(cx.config.websocket.max_message_bytes);
    data.truncate(data.len() - over);
    dropped += over as u64;
    let id = cx.ids.message();
    let message = WebSocketMessage {
        exchange: of.exchange,
        message: id,
        from: of.from,
        kind,
        data,
        dropped,
        fragments,
        compressed,
        encoded,
        ended,
        injected: false,
        edit: None,
    };
    cx.event(Event::WebSocket(Box::new(message)));
    id
}

/// Tells what stands in the place of a message.
pub(super) fn edit(
    exchange: ExchangeId,
    from: Peer,
    kind: WebSocketKind,
    data: Bytes,
    edit: MessageEdit,
    cx: &mut Cx,
) {
    let kept = data.len().min(cx.config.websocket.max_message_bytes);
    let message = WebSocketMessage {
        exchange,
        message: cx.ids.message(),
        from,
        kind,
        dropped: (data.len() - kept) as u64,
        data: data.slice(..kept),
        fragments: 1,
        compressed: false,
        encoded: false,
        ended: true,
        injected: false,
        edit: Some(Box::new(edit)),
    };
    cx.event(Event::WebSocket(Box::new(message)));
}

pub(super) fn defect(from: Peer, defect: Defect, cx: &mut Cx) {
    cx.event(Event::Defect { exchange: None, from, what: defect.to_string() });
}

/// Tells that hooks see no more of what a peer says.
pub(super) fn blind(cx: &mut Cx) {
    cx.event(Event::Altered { exchange: None, alteration: Alteration::HooksBypassed });
}

/// Tells of bytes that belong to no message.
pub(super) fn bytes(from: Peer, data: Bytes, cx: &mut Cx) {
    if !data.is_empty() {
        let message = cx.ids.message();
        cx.event(Event::Data { message, from, data });
    }
}
