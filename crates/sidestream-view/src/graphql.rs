//! GraphQL over HTTP: the query as text, the variables as JSON.

use crate::json::Json;
use crate::out::Out;
use crate::sink::Style;
use crate::text::Text;
use crate::value::Value;
use crate::view::run;

/// How much of a request is read.
pub(crate) const MAX_BYTES: usize = 1 << 20;

/// Writes a request, or several of a batch; what is none is written as JSON.
pub(crate) fn request(bytes: &[u8], more: u64, out: &mut Out<'_>) {
    let parsed = if more == 0 { Value::parse(bytes) } else { None };
    match &parsed {
        Some(Value::Array(requests)) if requests.iter().all(is_request) && !requests.is_empty() => {
            for (at, request) in requests.iter().enumerate() {
                out.note(Style::Note, &format!("request {}", at + 1));
                one(request, out);
            }
        }
        Some(request) if is_request(request) => one(request, out),
        _ => run(Json::new(false), bytes, out),
    }
    if more > 0 {
        out.note(Style::Note, &format!("{more} more bytes are not shown"));
    }
}

/// Returns whether it looks like a request.
pub(crate) fn is_request(value: &Value) -> bool {
    let known = ["query", "operationName", "variables", "extensions", "id"];
    let Value::Object(members) = value else { return false };
    value.text_of("query").is_some() && members.iter().all(|(key, _)| known.contains(&&key[..]))
}

fn one(request: &Value, out: &mut Out<'_>) {
    let Value::Object(members) = request else { return };
    for (key, value) in members {
        match (key.as_str(), value) {
            ("query", Value::String(query)) => {
                run(Text::default(), query.as_bytes(), out);
            }
            (key, value) => {
                out.text(Style::Key, key);
                out.text(Style::Punctuation, ": ");
                json(value, out);
            }
        }
    }
}

/// Writes a value as JSON; its words are as they were sent, its strings are written anew.
fn json(value: &Value, out: &mut Out<'_>) {
    let mut text = String::new();
    print(value, &mut text);
    run(Json::inline(), text.as_bytes(), out);
}

fn print(value: &Value, text: &mut String) {
    match value {
        Value::Word(word) => text.push_str(word),
        Value::String(string) => quote(string, text),
        Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                print(item, text);
            }
            text.push(']');
        }
        Value::Object(members) => {
            text.push('{');
            for (at, (key, value)) in members.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                quote(key, text);
                text.push(':');
                print(value, text);
            }
            text.push('}');
        }
    }
}

fn quote(string: &str, text: &mut String) {
    text.push('"');
    for char in string.chars() {
        match char {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            char if char.is_control() => text.push_str(&format!("\\u{:04x}", char as u32)),
            char => text.push(char),
        }
    }
    text.push('"');
}
