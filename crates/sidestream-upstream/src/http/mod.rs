//! CONNECT, as a client says it and hears the answer (RFC 9110 §9.3.6).

mod answer;

use std::fmt::Write as _;

use sidestream_capture::Target;

pub use answer::{Answer, AnswerError, MAX_ANSWER};

use crate::Credentials;

/// Writes the request for a tunnel; `None` where the server has a name that no server has.
pub fn encode_connect(server: &Target, credentials: Option<&Credentials>) -> Option<Vec<u8>> {
    let authority = match server {
        Target::Addr(addr) => addr.to_string(),
        Target::Name(host, port) if host.contains(':') => format!("[{host}]:{port}"),
        Target::Name(host, port) => format!("{host}:{port}"),
    };
    // Else a client could put words of its own into what we say.
    if !authority.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
    if let Some(credentials) = credentials {
        // Writing to a String cannot fail.
        _ = write!(request, "Proxy-Authorization: {}\r\n", credentials.basic());
    }
    request.push_str("\r\n");
    Some(request.into_bytes())
}
