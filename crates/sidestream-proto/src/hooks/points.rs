//! Points before any exchange: a flow that begins, and a client that begins TLS.

use std::fmt;
use std::net::SocketAddr;

use crate::tls::hello::ClientHello;
use crate::tls::ja4::{self, ja4};

/// What becomes of a flow that begins, before anything is sent to its server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ConnectFate {
    /// It goes on as if nobody had been asked.
    #[default]
    GoOn,
    /// It passes as it is: nothing of it is decrypted, and nothing of its content recorded.
    Pass {
        /// Who says so.
        by: String,
    },
    /// It goes to another server, which is looked up by that name.
    Redirect {
        /// Who says so.
        by: String,
        /// A name or an address.
        host: String,
        /// The port.
        port: u16,
    },
    /// Its client is refused, as by a server where nobody listens.
    Refuse {
        /// Who says so.
        by: String,
    },
}

/// What becomes of a client's TLS, before anything of it is answered or sent on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HelloFate {
    /// It is decrypted, unless something else is against it.
    #[default]
    GoOn,
    /// The flow ends.
    Kill {
        /// Who says so.
        by: String,
    },
    /// It passes undecrypted.
    Pass {
        /// Who says so.
        by: String,
    },
}

/// A ClientHello that came.
pub struct Hello<'a> {
    /// The server that the client dialled.
    pub server: SocketAddr,
    /// The name under which it is known so far.
    pub host: Option<&'a str>,
    /// What the client offers: the name (SNI), application protocols (ALPN), and all else.
    pub client_hello: &'a ClientHello,
}

impl Hello<'_> {
    /// Returns the fingerprint of what the client offers (JA4), which costs two hashes.
    pub fn ja4(&self) -> String {
        ja4(self.client_hello, ja4::Transport::Tcp)
    }
}

impl fmt::Debug for Hello<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, host, client_hello } = self;
        let sni = &client_hello.sni;
        f.debug_struct("Hello")
            .field("server", server)
            .field("host", host)
            .field("sni", sni)
            .finish()
    }
}
