//! Messages as HTTP/1.1 writes them.

use std::io::{self, Read, Write};

use sidestream_record::{Field, Fields, RequestHead, ResponseHead, Version};

use crate::request::{authority, path, plain};

/// Writes a request as HTTP/1.1 has it (RFC 9112), its body read from `body` as it goes.
///
/// One of HTTP/2 or HTTP/3 is written as HTTP/1.1 would have it. A body that was sent in chunks,
/// or without a length, is written in chunks of our own, and behind it its trailer fields.
///
/// # Errors
///
/// Whatever the output or the body says.
pub fn raw_request(
    out: &mut dyn Write,
    url: &str,
    head: &RequestHead,
    trailers: &Fields,
    body: &mut dyn Read,
) -> io::Result<()> {
    out.write_all(&head.method)?;
    out.write_all(b" ")?;
    if is_old(head.version) {
        out.write_all(&head.target)?;
    } else {
        let path = path(url);
        out.write_all(if path.is_empty() { b"/" } else { path.as_bytes() })?;
    }
    write!(out, " {}\r\n", version(head.version))?;
    if !is_old(head.version) && head.fields.get("host").is_none() {
        write!(out, "Host: {}\r\n", authority(url))?;
    }
    message(out, &head.fields, trailers, body, true)
}

/// Writes a response as HTTP/1.1 has it (RFC 9112), as [`raw_request`] does a request.
///
/// `has_body` says whether one may follow: none does after `HEAD`, nor with the statuses 204 and
/// 304 (RFC 9112 §6.3).
///
/// # Errors
///
/// Whatever the output or the body says.
pub fn raw_response(
    out: &mut dyn Write,
    head: &ResponseHead,
    trailers: &Fields,
    body: &mut dyn Read,
    has_body: bool,
) -> io::Result<()> {
    write!(out, "{} {} ", version(head.version), head.status)?;
    out.write_all(&head.reason)?;
    out.write_all(b"\r\n")?;
    let has_body = has_body && !matches!(head.status, 101 | 204 | 304);
    message(out, &head.fields, trailers, body, has_body)
}

const fn is_old(version: Version) -> bool {
    matches!(version, Version::Http10 | Version::Http11)
}

const fn version(version: Version) -> &'static str {
    match version {
        Version::Http10 => "HTTP/1.0",
        _ => "HTTP/1.1",
    }
}

fn message(
    out: &mut dyn Write,
    fields: &Fields,
    trailers: &Fields,
    body: &mut dyn Read,
    has_body: bool,
) -> io::Result<()> {
    plain(fields).try_for_each(|it| field(out, it))?;
    if !has_body {
        return out.write_all(b"\r\n");
    }
    let mut buffer = vec![0; 64 * 1024];
    let mut filled = fill(body, &mut buffer)?;
    let coded = fields.get("transfer-encoding").is_some();
    let counted = fields.get("content-length").is_some();
    let chunked = coded || (!counted && (filled > 0 || !trailers.is_empty()));
    if chunked && !coded {
        out.write_all(b"Transfer-Encoding: chunked\r\n")?;
    }
    out.write_all(b"\r\n")?;
    while filled > 0 {
        if chunked {
            write!(out, "{filled:x}\r\n")?;
        }
        out.write_all(&buffer[..filled])?;
        if chunked {
            out.write_all(b"\r\n")?;
        }
        filled = fill(body, &mut buffer)?;
    }
    if chunked {
        out.write_all(b"0\r\n")?;
        trailers.iter().try_for_each(|it| field(out, it))?;
        out.write_all(b"\r\n")?;
    }
    Ok(())
}

fn field(out: &mut dyn Write, Field { name, value }: &Field) -> io::Result<()> {
    [name, &b": "[..], value, b"\r\n"].into_iter().try_for_each(|part| out.write_all(part))
}

/// Reads until the buffer is full or the body ends.
fn fill(body: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match body.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
