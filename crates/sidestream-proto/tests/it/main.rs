//! What the machine does, as plays, and what its codecs read.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "a play begins at some instant")]

mod ca;
mod connections;
mod detect;
mod dns;
mod endpoint;
mod hello;
mod hooks;
mod hostile;
mod hosts;
mod hpack;
mod http;
mod http1;
mod http2;
mod passing;
mod play;
mod raw;
mod tls;
mod tls_mirror;
mod translate;
mod websocket;
mod wire;
