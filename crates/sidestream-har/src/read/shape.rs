//! The members of an entry that are read, in whatever shape they are.

use serde::Deserialize;

use super::lax::{List, Object, Scalar};
use super::taken;
use crate::entry::Entry;
use crate::error::EntryError;

/// Reads the text of an entry, which may be large: it is not held longer than it has to be.
pub(super) fn entry(index: u64, text: Vec<u8>) -> Result<Entry, EntryError> {
    let shape: Object<Shape> = match serde_json::from_slice(&text) {
        Ok(shape) => {
            drop(text);
            shape
        }
        Err(error) => {
            // Half of a character outside the plane of most (RFC 8259 §8.2).
            let mended = without_lone_surrogates(&text);
            drop(text);
            let mended = mended.and_then(|text| serde_json::from_slice(&text).ok());
            mended.ok_or_else(|| EntryError::Json {
                index,
                line: error.line(),
                column: error.column(),
                reason: reason(&error),
            })?
        }
    };
    match shape {
        Object::Is(shape) => taken::entry(index, shape),
        Object::Other(found) => {
            let found = found.shown();
            Err(EntryError::Wrong { index, path: "it", found, wanted: "an object" })
        }
    }
}

/// Returns the parser's words without the place, which stands beside them.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

/// Puts U+FFFD in the place of each half of a surrogate pair that lacks the other; `None` if there
/// is none.
fn without_lone_surrogates(text: &[u8]) -> Option<Vec<u8>> {
    let unit = |at: usize| -> Option<u16> {
        let escape = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u16::from_str_radix(std::str::from_utf8(escape).ok()?, 16).ok()
    };
    let (mut out, mut at, mut changed) = (Vec::with_capacity(text.len()), 0, false);
    while at < text.len() {
        let taken = match (unit(at), text[at]) {
            (Some(0xd800..=0xdbff), _) if matches!(unit(at + 6), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                out.extend_from_slice(b"\\ufffd");
                changed = true;
                at += 6;
                continue;
            }
            (Some(_), _) => 6,
            (None, b'\\') => 2,
            (None, _) => 1,
        };
        let end = (at + taken).min(text.len());
        out.extend_from_slice(&text[at..end]);
        at = end;
    }
    changed.then_some(out)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Shape {
    pub(super) started_date_time: Scalar,
    pub(super) request: Object<Request>,
    pub(super) response: Object<Response>,
    pub(super) timings: Object<Timings>,
    pub(super) time: Scalar,
    #[serde(rename = "serverIPAddress")]
    pub(super) server_ip_address: Scalar,
    pub(super) connection: Scalar,
    #[serde(rename = "_webSocketMessages")]
    pub(super) messages: List<Message>,
    #[serde(rename = "_process")]
    pub(super) process: Object<Process>,
    #[serde(rename = "_clientProcess")]
    pub(super) client_process: Scalar,
    pub(super) comment: Scalar,
    #[serde(rename = "_remarks")]
    pub(super) remarks: Scalar,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Request {
    pub(super) method: Scalar,
    pub(super) url: Scalar,
    pub(super) http_version: Scalar,
    pub(super) headers: List<Pair>,
    pub(super) query_string: List<Pair>,
    pub(super) post_data: Object<PostData>,
    pub(super) body_size: Scalar,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Pair {
    pub(super) name: Scalar,
    pub(super) value: Scalar,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PostData {
    pub(super) mime_type: Scalar,
    pub(super) text: Scalar,
    pub(super) params: List<Param>,
    pub(super) encoding: Scalar,
    #[serde(rename = "_encoding")]
    pub(super) own_encoding: Scalar,
    pub(super) comment: Scalar,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Param {
    pub(super) name: Scalar,
    pub(super) value: Scalar,
    pub(super) file_name: Scalar,
    pub(super) content_type: Scalar,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Response {
    pub(super) status: Scalar,
    pub(super) status_text: Scalar,
    pub(super) http_version: Scalar,
    pub(super) headers: List<Pair>,
    pub(super) content: Object<Content>,
    pub(super) body_size: Scalar,
    #[serde(rename = "_transferSize")]
    pub(super) transfer_size: Scalar,
    #[serde(rename = "_error")]
    pub(super) error: Scalar,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Content {
    pub(super) size: Scalar,
    pub(super) mime_type: Scalar,
    pub(super) text: Scalar,
    pub(super) encoding: Scalar,
    pub(super) comment: Scalar,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Timings {
    pub(super) blocked: Scalar,
    pub(super) dns: Scalar,
    pub(super) connect: Scalar,
    pub(super) ssl: Scalar,
    pub(super) send: Scalar,
    pub(super) wait: Scalar,
    pub(super) receive: Scalar,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message {
    #[serde(rename = "type")]
    pub(super) kind: Scalar,
    pub(super) time: Scalar,
    pub(super) opcode: Scalar,
    pub(super) data: Scalar,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Process {
    pub(super) pid: Scalar,
    pub(super) name: Scalar,
    pub(super) path: Scalar,
    pub(super) user: Scalar,
    pub(super) container: Scalar,
}
