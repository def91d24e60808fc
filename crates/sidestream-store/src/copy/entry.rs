//! An entry on its way from one session to another.

use bytes::Bytes;
use rusqlite::Connection;
use sidestream_flow::{ExchangeId, FlowId};
use sidestream_record::{Annotation, Replay};

use crate::block::BlockEntry;
use crate::error::{CopyError, ReadError};
use crate::kind;
use crate::process::ProcessError;
use crate::reader::{Reader, Stored};
use crate::row::{Content, Row, Update};
use crate::wire::{self, DecodeError, FieldReader, Head, Value};

/// By how much ids grow.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shift {
    flow: u64,
    exchange: u64,
    message: u64,
}

impl Shift {
    /// Returns by how much those of the session after this one grow.
    pub(super) fn after(self, session: &Connection) -> Result<Self, ReadError> {
        let largest: [Option<i64>; 3] = session.query_row(
            "SELECT max(max_flow), max(max_exchange), max(max_message) FROM block",
            [],
            |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]),
        )?;
        let [flow, exchange, message] = largest.map(|id| id.unwrap_or_default().cast_unsigned());
        Ok(Self {
            flow: self.flow.saturating_add(flow),
            exchange: self.exchange.saturating_add(exchange),
            message: self.message.saturating_add(message),
        })
    }
}

/// An entry as it was stored.
#[derive(Debug)]
pub(super) struct Entry(Stored);

impl Entry {
    pub(super) const fn new(stored: Stored) -> Self {
        Self(stored)
    }

    /// Returns whether it could be cut out of its block.
    pub(super) const fn is_whole(&self) -> bool {
        self.0.entry.is_ok()
    }

    pub(super) fn flow(&self) -> FlowId {
        FlowId(self.0.entry.as_ref().map_or(0, |entry| entry.flow))
    }

    pub(super) fn exchange(&self) -> Option<ExchangeId> {
        self.0.entry.as_ref().ok()?.exchange.map(ExchangeId)
    }

    /// Returns whether it tells what was on the wire, or how that is decrypted.
    pub(super) fn is_of_wire(&self) -> bool {
        let kind = self.0.entry.as_ref().ok().and_then(|entry| kind::name(entry.kind));
        matches!(kind, Some("wire" | "secrets"))
    }

    /// Returns when it happened, as far as that is known.
    pub(super) fn at(&self) -> i64 {
        let after = self.0.entry.as_ref().map_or(0, |entry| entry.at);
        self.0.at.wrapping_add(after)
    }

    /// Makes the row of the new session.
    pub(super) fn into_row(self, reader: &Reader, shift: Shift) -> Result<Row, CopyError> {
        let at = self.at();
        let Stored { seq, at: block_at, entry } = self.0;
        let entry = entry?;
        let (connection, contents) = reader.parts();
        let name = kind::name(entry.kind);
        let mut update = match reader.decode(Stored { seq, at: block_at, entry: Ok(entry.clone()) })
        {
            Ok(entry) => Update::of(&entry.event),
            // It has no place in the lists; its bytes are copied.
            Err(ProcessError::Decode(DecodeError::Unknown)) => Update::Nothing,
            Err(ProcessError::Decode(error)) => return Err(error.into()),
            Err(ProcessError::Storage(error)) => return Err(ReadError::from(error).into()),
        };
        if let Update::Body { content, .. } | Update::Data { content, .. } = &mut update
            && let Some(name) = name
        {
            *content = match contents.of_entry(connection, seq, name, &entry) {
                Ok((_, Some(dropped))) => Content::Dropped(dropped),
                Ok((data, None)) => Content::Kept(data),
                Err(ProcessError::Decode(error)) => return Err(error.into()),
                Err(ProcessError::Storage(error)) => return Err(ReadError::from(error).into()),
            };
        }
        match &mut update {
            Update::Body { exchange, .. } => {
                exchange.0 = exchange.0.saturating_add(shift.exchange);
            }
            // What goes over a wire is no message.
            Update::Data { message, .. } if *message > 0 => {
                *message = message.saturating_add(shift.message);
            }
            Update::Noted(noted) => {
                if let Annotation::Replay(Replay { of: Some(of), .. }) = &mut **noted {
                    of.0 = of.0.saturating_add(shift.exchange);
                }
            }
            _ => {}
        }
        let BlockEntry { kind, flow, exchange, payload, .. } = entry;
        Ok(Row {
            at,
            flow: flow.saturating_add(shift.flow).cast_signed(),
            exchange: exchange.map(|id| id.saturating_add(shift.exchange).cast_signed()),
            kind,
            payload: match name {
                Some(name @ ("altered" | "annotated" | "body" | "data" | "websocket" | "wire")) => {
                    event(name, payload, shift)?
                }
                _ => payload.into(),
            },
            update,
        })
    }
}

/// Copies the message of an event: without what the writer adds, and with ids that have grown.
fn event(kind: &str, payload: Bytes, shift: Shift) -> Result<Vec<u8>, DecodeError> {
    let mut copied = Vec::with_capacity(payload.len());
    let mut fields = FieldReader::new(payload);
    while let Some(field) = fields.next_raw() {
        let (number, value, raw) = field?;
        let grown = match (kind, number, value) {
            ("body", wire::body::DATA..=wire::body::CHECK, _)
            | ("data", wire::DATA_DATA, _)
            | ("websocket", wire::WEBSOCKET_DATA, _)
            | ("wire", wire::WIRE_DATA, _) => continue,
            ("altered", 6, Value::Number(flow)) => Some(flow.saturating_add(shift.flow)),
            ("websocket", 1, Value::Number(id)) => Some(id.saturating_add(shift.exchange)),
            ("data", 1, Value::Number(id)) | ("websocket", 2, Value::Number(id)) => {
                Some(id.saturating_add(shift.message))
            }
            ("annotated", 4, Value::Bytes(replay)) => {
                nested(4, event("replay", replay, shift)?, &mut copied);
                continue;
            }
            ("websocket", 12, Value::Bytes(edit)) => {
                nested(12, event("message_edit", edit, shift)?, &mut copied);
                continue;
            }
            ("replay", 3, Value::Number(id)) => Some(id.saturating_add(shift.exchange)),
            ("message_edit", 1, Value::Number(id)) => Some(id.saturating_add(shift.message)),
            _ => None,
        };
        match grown {
            Some(id) => {
                let mut head = Head::new();
                head.number(number, id);
                copied.extend_from_slice(head.as_bytes());
            }
            None => copied.extend_from_slice(&raw),
        }
    }
    Ok(copied)
}

/// Adds a message as a field.
fn nested(number: u32, message: Vec<u8>, to: &mut Vec<u8>) {
    let mut head = Head::new();
    head.bytes(number, message.len());
    to.extend_from_slice(head.as_bytes());
    to.extend_from_slice(&message);
}
