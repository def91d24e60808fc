//! Which view fits: by name, by content type, by content.

use crate::code::Code;
use crate::form::Form;
use crate::json::Json;
use crate::markup::Markup;
use crate::multipart::Multipart;
use crate::protobuf::{self, Grpc};
use crate::sse::EventStream;
use crate::text::{Hex, Text};
use crate::view::{Gathered, Machine, Streamed, View};
use crate::{dns, graphql, image, msgpack};

/// The names of all views.
pub const NAMES: [&str; 18] = [
    "css",
    "dns",
    "event-stream",
    "form",
    "graphql",
    "grpc",
    "hex",
    "html",
    "image",
    "javascript",
    "json",
    "msgpack",
    "multipart",
    "ndjson",
    "protobuf",
    "query",
    "text",
    "xml",
];

/// Returns the name of the view that fits.
///
/// A content type that says something is believed, save where the content cannot be that; without
/// one, or with one as `application/octet-stream`, the first bytes tell (some hundred are enough).
pub fn choose(content_type: Option<&str>, first: &[u8]) -> &'static str {
    name_for(content_type, first)
}

/// Returns the view of that name; `None` if there is none (see [`NAMES`]).
///
/// The content type is that of the content, with its parameters: `multipart` takes the boundary
/// from there, or else from the first line.
pub fn view(name: &str, content_type: Option<&str>) -> Option<Box<dyn View>> {
    let name = NAMES.iter().find(|known| **known == name)?;
    Some(Box::new(Streamed::new(machine(name, content_type, 0))))
}

/// Makes the machine of a view; `depth` is how many it lies in.
pub(crate) fn machine(name: &str, content_type: Option<&str>, depth: usize) -> Box<dyn Machine> {
    match name {
        "css" => Box::new(Code::new(true)),
        "dns" => Box::new(Gathered::new(dns::MAX_BYTES, dns::message)),
        "event-stream" => Box::new(EventStream::default()),
        "form" | "query" => Box::new(Form::default()),
        "graphql" => Box::new(Gathered::new(graphql::MAX_BYTES, graphql::request)),
        "grpc" => Box::new(Grpc::default()),
        "html" => Box::new(Markup::new(true)),
        "image" => Box::new(Gathered::new(image::MAX_BYTES, image::describe)),
        "javascript" => Box::new(Code::new(false)),
        "json" => Box::new(Json::new(false)),
        "msgpack" => Box::new(Gathered::new(msgpack::MAX_BYTES, msgpack::values)),
        "multipart" => Box::new(Multipart::new(boundary(content_type).as_deref(), depth)),
        "ndjson" => Box::new(Json::new(true)),
        "protobuf" => Box::new(Gathered::new(protobuf::MAX_MESSAGE, protobuf::message)),
        "text" => Box::new(Text::default()),
        "xml" => Box::new(Markup::new(false)),
        _ => Box::new(Hex::default()),
    }
}

/// Returns the parameter `boundary`, without its quotes.
fn boundary(content_type: Option<&str>) -> Option<String> {
    let mut parameters = content_type?.split(';').skip(1);
    parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        let named = name.trim().eq_ignore_ascii_case("boundary");
        (named && !value.is_empty()).then(|| value.to_owned())
    })
}

pub(crate) fn name_for(content_type: Option<&str>, first: &[u8]) -> &'static str {
    let kind = content_type.and_then(|it| it.split(';').next()).unwrap_or_default();
    let kind = kind.trim().to_ascii_lowercase();
    let named = by_type(&kind);
    match named {
        // What is called text, or nothing, is looked at.
        None | Some("text") => by_content(first, named),
        // Many APIs say JSON and send something else when they fail.
        Some("json") if begins_with(first, b"<") => by_content(first, named),
        Some("image") if !is_image(first) && kind != "image/svg+xml" => by_content(first, named),
        Some("json") if kind == "application/json" && begins_graphql(first) => "graphql",
        Some(name) => name,
    }
}

fn by_type(kind: &str) -> Option<&'static str> {
    let (top, sub) = kind.split_once('/')?;
    let suffix = sub.rsplit_once('+').map(|(_, suffix)| suffix);
    Some(match (top, sub) {
        ("text", "css") => "css",
        ("text", "html") | ("application", "xhtml+xml") => "html",
        ("text" | "application", "javascript" | "ecmascript" | "x-javascript") => "javascript",
        ("text", "event-stream") => "event-stream",
        ("application", "dns-message") => "dns",
        ("application", "x-www-form-urlencoded") => "form",
        ("application", "graphql") => "text",
        ("application", "x-ndjson" | "ndjson" | "jsonl" | "x-jsonlines" | "json-seq") => "ndjson",
        ("application" | "text", "json") => "json",
        ("application" | "text", "xml") => "xml",
        ("application", "msgpack" | "x-msgpack" | "vnd.msgpack") => "msgpack",
        ("application", "grpc-web-text" | "grpc-web-text+proto") => "text",
        (
            "application",
            "proto" | "protobuf" | "x-protobuf" | "vnd.google.protobuf" | "x-google-protobuf",
        ) => "protobuf",
        ("application", sub) if sub == "grpc" || sub.starts_with("grpc+") => "grpc",
        ("application", sub) if sub == "grpc-web" || sub.starts_with("grpc-web+") => "grpc",
        ("multipart", _) => "multipart",
        ("image", _) => "image",
        _ => match suffix {
            Some("json") => "json",
            Some("xml") => "xml",
            Some("protobuf" | "proto") => "protobuf",
            _ if top == "text" => "text",
            _ => return None,
        },
    })
}

fn begins_with(first: &[u8], prefix: &[u8]) -> bool {
    let bytes = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first).trim_ascii_start();
    bytes.get(..prefix.len()).is_some_and(|begun| begun.eq_ignore_ascii_case(prefix))
}

/// A request of GraphQL has its query, or what it is called, in front.
fn begins_graphql(first: &[u8]) -> bool {
    let plain: Vec<u8> = first.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let starts = [
        &b"{\"query\":\""[..],
        b"{\"operationName\":\"",
        b"[{\"query\":\"",
        b"[{\"operationName\":\"",
    ];
    let named = starts.iter().any(|start| plain.starts_with(start));
    let shapes = [
        &b"{\"query\":\"{"[..],
        b"\"query\":\"query",
        b"\"query\":\"mutation",
        b"\"query\":\"subscription",
        b"\"query\":\"fragment",
        b"\"query\":\"\\n",
    ];
    named && shapes.iter().any(|shape| plain.windows(shape.len()).any(|it| it == *shape))
}

fn is_image(first: &[u8]) -> bool {
    let known: [&[u8]; 5] =
        [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"\0\0\x01\0", b"\0\0\x02\0"];
    let webp = first.starts_with(b"RIFF") && first.get(8..12) == Some(b"WEBP");
    webp || known.iter().any(|magic| first.starts_with(magic))
}

fn by_content(first: &[u8], named: Option<&'static str>) -> &'static str {
    if is_image(first) {
        return "image";
    }
    if !is_text(first) {
        return if named.is_none() && protobuf::looks_like(first) { "protobuf" } else { "hex" };
    }
    if begins_with(first, b"{") || begins_with(first, b"[") {
        return if begins_graphql(first) { "graphql" } else { "json" };
    }
    if begins_with(first, b"<!doctype html") || begins_with(first, b"<html") {
        return "html";
    }
    if begins_with(first, b"<?xml") {
        return "xml";
    }
    if named.is_none() && (first.starts_with(b"data:") || first.starts_with(b"event:")) {
        return "event-stream";
    }
    "text"
}

/// Returns whether the bytes are text; a character may be cut at their end.
fn is_text(bytes: &[u8]) -> bool {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_binary) => return false,
    };
    let of_text = |char: char| !char.is_control() || matches!(char, '\n' | '\r' | '\t' | '\x1b');
    text.chars().all(of_text)
}
