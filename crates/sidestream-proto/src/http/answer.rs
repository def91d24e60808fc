//! Answers of our own, where the client speaks to us or its request must not be passed on.

use bytes::Bytes;
use sidestream_flow::Peer;

use crate::auth::CHALLENGE;
use crate::cx::Cx;

/// Answers a request with an error, and says that the connection ends.
pub(crate) fn refuse(cx: &mut Cx, status: u16, why: &str) {
    let reason = match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        504 => "Gateway Timeout",
        _ => "Error",
    };
    let asks = match status {
        401 => format!("WWW-Authenticate: {CHALLENGE}\r\n"),
        407 => format!("Proxy-Authenticate: {CHALLENGE}\r\n"),
        _ => String::new(),
    };
    let text = format!("sidestream: {why}\n");
    let answer = format!(
        "HTTP/1.1 {status} {reason}\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {}\r\n\
         {asks}Connection: close\r\n\
         \r\n\
         {text}",
        text.len()
    );
    cx.send(Peer::Client, Bytes::from(answer));
    cx.shutdown(Peer::Client, true);
}
