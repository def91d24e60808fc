//! Programs that send a request.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::literal::{javascript, python as python_text, python_bytes};
use crate::request::{Checked, ExportError, Request};

/// Fields that `fetch` sets by itself, and refuses or ignores.
const FETCH_OWN: [&str; 9] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// Puts a request into words as a call of JavaScript's `fetch`, for browsers, Node and Deno.
///
/// Its fields come in an order of its own; those that it sets by itself are left out.
///
/// # Errors
///
/// When no program can send it, or its body is not all there.
pub fn fetch(request: Request<'_>) -> Result<String, ExportError> {
    let request = request.check()?;
    let Checked { method, url, body, .. } = request;
    let mut out = format!("await fetch({}, {{\n", javascript(url));
    // Writing to a String cannot fail.
    _ = writeln!(out, "  method: {},", javascript(method));
    let is_own = |name: &str| FETCH_OWN.iter().any(|own| own.eq_ignore_ascii_case(name));
    let fields: Vec<_> = request.fields.iter().filter(|(name, _)| !is_own(name)).collect();
    if !fields.is_empty() {
        out += "  headers: [\n";
        for (name, value) in fields {
            _ = writeln!(out, "    [{}, {}],", javascript(name), javascript(&latin1(value)));
        }
        out += "  ],\n";
    }
    if !body.is_empty() {
        match std::str::from_utf8(body) {
            Ok(text) => _ = writeln!(out, "  body: {},", javascript(text)),
            Err(_) => {
                let base64 = STANDARD.encode(body);
                let from = "Uint8Array.from(atob(";
                _ = writeln!(out, "  body: {from}\"{base64}\"), char => char.charCodeAt(0)),");
            }
        }
    }
    out += "  redirect: \"manual\",\n});";
    Ok(out)
}

/// Puts a request into words as a program of Python that sends it by `requests`, with its fields
/// in their order; those of one name are sent as one.
///
/// # Errors
///
/// When no program can send it, or its body is not all there.
pub fn python(request: Request<'_>) -> Result<String, ExportError> {
    let request = request.check()?;
    let Checked { method, url, body, .. } = request;
    let mut out = String::from("import requests\n");
    let own = ["User-Agent", "Accept-Encoding"];
    let missing: Vec<_> = own.into_iter().filter(|name| !request.has(name)).collect();
    if !missing.is_empty() {
        out += "from urllib3.util import SKIP_HEADER\n";
    }
    out += "\nsession = requests.Session()\nsession.headers.clear()\n";
    _ = writeln!(out, "response = session.request(");
    _ = writeln!(out, "    {},\n    {},", python_text(method), python_text(url));
    out += "    headers={\n";
    for (name, value) in request.joined() {
        let value = match std::str::from_utf8(&value) {
            Ok(text) if text.is_ascii() => python_text(text),
            _ => python_bytes(&value),
        };
        _ = writeln!(out, "        {}: {value},", python_text(name));
    }
    for name in missing {
        _ = writeln!(out, "        {}: SKIP_HEADER,", python_text(name));
    }
    out += "    },\n";
    if !body.is_empty() {
        _ = writeln!(out, "    data={},", python_bytes(body));
    }
    out += "    allow_redirects=False,\n)\nprint(response.status_code)\nprint(response.text)";
    Ok(out)
}

/// Reads each byte as a character, as `fetch` takes values.
fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}
