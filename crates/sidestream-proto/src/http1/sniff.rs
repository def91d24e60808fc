//! Tells HTTP/1 from other protocols by the client's first bytes.

use memchr::memchr;

use super::bytes_of::{is_control, is_token, trim_end};
use super::lines::content;

/// Whether bytes begin a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sniff {
    /// They do.
    Yes,
    /// They do not.
    No,
    /// They may: ask again with more of them.
    NeedMore,
}

const METHODS: [&[u8]; 9] =
    [b"GET", b"POST", b"PUT", b"HEAD", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b"CONNECT"];
const MAX_METHOD_BYTES: usize = 32;
const MAX_LINE_BYTES: usize = 8192;

/// Returns whether the client's first bytes begin an HTTP/1 request.
///
/// It decides on the first bytes that tell: a well-known method with the first byte of a target
/// suffices, any other method is believed when its line ends in a version.
pub fn looks_like_request(bytes: &[u8]) -> Sniff {
    let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let bytes = &bytes[blank..];
    let token = bytes.iter().take_while(|&&byte| is_token(byte)).count();
    let (method, rest) = bytes.split_at(token);
    if token > MAX_METHOD_BYTES || blank > MAX_METHOD_BYTES {
        return Sniff::No;
    }
    let target = match rest {
        [] => return Sniff::NeedMore,
        [b' ', target @ ..] if token > 0 => target,
        _ => return Sniff::No,
    };
    let known = METHODS.contains(&method);
    let spaces = target.iter().take_while(|&&byte| byte == b' ').count();
    let target = &target[spaces..];
    match target.first() {
        _ if spaces > MAX_METHOD_BYTES => Sniff::No,
        None => Sniff::NeedMore,
        Some(b'/') if known => Sniff::Yes,
        Some(byte) if method == b"CONNECT" && (byte.is_ascii_alphanumeric() || *byte == b'[') => {
            Sniff::Yes
        }
        Some(b'/' | b'*') => by_version(target),
        Some(_) => {
            let absolute = is_absolute(target);
            if absolute == Sniff::Yes && !known { by_version(target) } else { absolute }
        }
    }
}

/// Returns whether the target is one in absolute form.
fn is_absolute(target: &[u8]) -> Sniff {
    let begins = |scheme: &[u8]| {
        let n = target.len().min(scheme.len());
        target[..n].eq_ignore_ascii_case(&scheme[..n]).then_some(n == scheme.len())
    };
    match begins(b"http://").or_else(|| begins(b"https://")) {
        Some(true) => Sniff::Yes,
        Some(false) => Sniff::NeedMore,
        None => Sniff::No,
    }
}

/// Returns whether the line ends in a version of HTTP/1.
fn by_version(rest: &[u8]) -> Sniff {
    let end = memchr(b'\n', rest);
    let line = trim_end(content(&rest[..end.map_or(rest.len(), |at| at + 1)]));
    if line.iter().any(|&byte| is_control(byte)) || line.len() > MAX_LINE_BYTES {
        return Sniff::No;
    }
    let Some((minor, before)) = line.split_last().filter(|_| end.is_some()) else {
        return Sniff::NeedMore;
    };
    let is_version = minor.is_ascii_digit() && before.ends_with(b" HTTP/1.");
    if is_version { Sniff::Yes } else { Sniff::No }
}
