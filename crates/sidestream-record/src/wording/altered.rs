//! What was changed on the way, in words.

use super::text;
use crate::{Alteration, Change, Edit, MessageChange, MessageEdit, Part, SentBody};

/// Words what was changed.
pub fn alteration(alteration: &Alteration) -> String {
    match alteration {
        Alteration::AlpnWithheld(names) => {
            format!("not offered to the server: {}", names.join(", "))
        }
        Alteration::ConnectionShared { with } => {
            format!("the connection with the server is one that flow {} had left", with.0)
        }
        Alteration::Continued => "the client was told to go on with the body by us".into(),
        Alteration::Edited(edit) => edited(edit),
        Alteration::FieldsRemoved(names) => format!("fields removed: {}", names.join(", ")),
        Alteration::FramesRemade => "HTTP/2 frames and settings are ours, not the peers'".into(),
        Alteration::HooksBypassed => {
            "rules were not applied to what could not be read, or was translated".into()
        }
        Alteration::FieldSet { name, from: None, to } => {
            format!("field added: {name}: {}", text(to))
        }
        Alteration::FieldSet { name, from: Some(from), to } => {
            format!("field {name}: {} sent as {}", text(from), text(to))
        }
        Alteration::Proxied { proxy } => format!("the server was reached through {proxy}"),
        Alteration::TlsTerminated => "the server saw our ClientHello, not the client's".into(),
        Alteration::TargetForm { from, to } => {
            format!("request target {} sent as {}", text(from), text(to))
        }
        Alteration::Translated { from, to } => format!("translated between {from} and {to}"),
    }
}

/// Words what a hook did to a message.
pub fn message_edit(edit: &MessageEdit) -> String {
    let MessageEdit { by, change, .. } = edit;
    match change {
        MessageChange::Dropped => format!("dropped by {by}"),
        MessageChange::Replaced => format!("replaced by {by}"),
        MessageChange::TooLong { limit_bytes } => {
            format!("not changed, it is longer than {limit_bytes} bytes: {by}")
        }
    }
}

/// Words what a hook changed.
fn edited(Edit { by, change }: &Edit) -> String {
    let with = |body: &Option<SentBody>| match body {
        Some(body) => format!(", its body as {} bytes", body.bytes),
        None => String::new(),
    };
    match change {
        Change::Answered { head, body } => {
            format!("answered {} with {} bytes by {by}", head.status, body.bytes)
        }
        Change::Killed => format!("ended by {by}"),
        Change::Redirected { host, port } => format!("sent to {host}, port {port}, by {by}"),
        Change::Request { url, body, .. } => {
            format!("request sent on to {url}{} by {by}", with(body))
        }
        Change::Response { head, body } => {
            format!("response sent on as {}{} by {by}", head.status, with(body))
        }
        Change::TooLong { part, limit_bytes } => {
            let part = match part {
                Part::Request => "request",
                Part::Response => "response",
            };
            format!("{part} not changed, its body is longer than {limit_bytes} bytes: {by}")
        }
    }
}
