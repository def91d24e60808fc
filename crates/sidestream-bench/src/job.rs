//! What the comparison asks of the load generator, and what it answers: one JSON object a line.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A piece of load.
///
/// It is prepared (connections are opened, caches filled), which is answered
/// with [`Prepared`], and begins with the line after: what is measured is
/// what happens between that line and [`Done`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Job {
    /// `GET`s of 1 KiB on connections that stay open.
    Requests {
        /// Whether HTTP/2 is asked for; else HTTP/1.1.
        http2: bool,
        /// How many in all.
        count: u32,
        /// On how many connections.
        connections: u32,
        /// How many at once on each.
        streams: u32,
    },
    /// New connections, each with a full handshake, one `GET` of 1 KiB, and an end.
    Connections {
        /// How many in all.
        count: u32,
        /// How many at once.
        parallel: u32,
        /// The number of the first host; else all are to the same host.
        first_host: Option<u32>,
        /// What the client offers for the key exchange.
        group: Group,
    },
    /// One body on one connection over HTTP/1.1.
    Transfer {
        /// Whether it is sent; else received.
        up: bool,
        /// Its length.
        bytes: u64,
    },
    /// That many bytes on one connection, in a protocol that nobody knows.
    Raw {
        /// Whether they go; else they come.
        up: bool,
        /// How many.
        bytes: u64,
    },
    /// New connections of that protocol, each with 1 KiB that comes, and an end.
    RawConnections {
        /// How many in all.
        count: u32,
        /// How many at once.
        parallel: u32,
    },
    /// Connections that have had one request and stay open until the next job.
    Idle {
        /// How many.
        count: u32,
    },
    /// `connect`s to the first server, one after the other, each with a pause after it; nothing is
    /// sent.
    Connect {
        /// How many.
        count: u32,
        /// Whether sockets are for datagrams, so that nothing goes out but the call itself.
        udp: bool,
    },
    /// `GET`s of 1 KiB, one after the other on one connection over HTTP/1.1.
    Latency {
        /// How many.
        count: u32,
    },
}

/// What is offered for the key exchange of TLS 1.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Group {
    /// X25519 alone.
    X25519,
    /// X25519MLKEM768 first, then X25519.
    X25519MLKEM768,
}

/// Everything is ready; what the first connection has agreed on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    /// The application protocol, `-` if none was negotiated.
    pub alpn: String,
    /// The key exchange group.
    pub group: String,
}

/// How a job went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// How long it took.
    pub elapsed_us: u64,
    /// How long half of the requests or connects took at most; 0 where that was not asked for.
    pub p50_ns: u64,
    /// How long 99 of a hundred took at most; 0 where that was not asked for.
    pub p99_ns: u64,
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::X25519 => f.write_str("X25519"),
            Self::X25519MLKEM768 => f.write_str("X25519MLKEM768"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_one_line_each_way() {
        let job = Job::Connections {
            count: 3,
            parallel: 2,
            first_host: None,
            group: Group::X25519MLKEM768,
        };
        let line = serde_json::to_string(&job).unwrap();
        insta::assert_snapshot!(line, @r#"{"connections":{"count":3,"parallel":2,"first_host":null,"group":"X25519MLKEM768"}}"#);
        assert_eq!(serde_json::from_str::<Job>(&line).unwrap(), job);
    }
}
