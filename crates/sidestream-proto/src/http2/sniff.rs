//! Recognizes HTTP/2 by its first bytes.

use super::{FrameHead, Kind, PREFACE};

/// Returns whether the client's preface (RFC 9113 §3.4) is whole, or `None` if it is none.
pub(crate) fn preface(seen: &[u8]) -> Option<bool> {
    // Fewer bytes are the beginning of too much else.
    const TELLING: usize = 4;
    let length = seen.len().min(PREFACE.len());
    let begins = length >= TELLING && seen[..length] == PREFACE[..length];
    begins.then_some(length == PREFACE.len())
}

/// Returns whether these may be the first bytes of a server, which does not have to wait for the
/// client: a SETTINGS frame.
pub(crate) fn looks_like_greeting(seen: &[u8]) -> bool {
    FrameHead::parse(seen).is_some_and(|head| {
        head.kind == Kind::SETTINGS
            && head.flags.0 == 0
            && head.stream == 0
            && head.length.is_multiple_of(6)
    })
}
