//! The proxy through which a server was reached.

use std::sync::Arc;

use sidestream_flow::Redacted;

use crate::DialFailure;

/// The proxy through which a server was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via {
    /// The proxy, as `scheme://host:port`.
    pub proxy: Arc<str>,
    /// Set where the connection ends at the proxy, which takes requests of HTTP and nothing else.
    pub forwards: Option<Forwards>,
}

/// A proxy that takes requests in absolute form (RFC 9112 §3.2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forwards {
    /// What it wants to see in `Proxy-Authorization`.
    pub authorization: Option<Redacted<Arc<str>>>,
    /// What became of it where it asks for a user and password all the same.
    pub unauthorized: DialFailure,
    /// Why there is no tunnel to the server, where one was asked for before.
    pub refusal: Option<DialFailure>,
}
