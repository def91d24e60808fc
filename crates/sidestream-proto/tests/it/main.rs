//! What the machine does, as plays, and what its codecs read.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "a play begins at some instant")]

mod ca;
mod dns;
mod endpoint;
mod hello;
mod hostile;
mod hpack;
mod http;
mod http1;
mod http2;
mod passing;
mod play;
mod raw;
mod tls;
mod translate;
mod websocket;
