//! The suites, each with what it runs.

mod cache;
mod clients;
mod http2;
mod load;
mod tls;
mod websocket;

use anyhow::Result;

use super::Found;
use super::ground::Ground;

/// A suite that somebody else wrote, or real clients with an origin that tells what reached it.
#[derive(Debug)]
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    /// What it shows, for the table.
    pub(crate) what: &'static str,
    /// Whether it runs where none is named: it is quick, and the same each time.
    pub(crate) usual: bool,
    pub(crate) run: fn(&Ground) -> Result<Found>,
}

/// All suites, in the order of the table.
pub(crate) const SUITES: [Suite; 10] = [
    Suite {
        name: "http2-ends",
        what: "HTTP/2 that ends at us: framing, HPACK, states, flow control; the server speaks HTTP/1.1",
        usual: true,
        run: http2::ends,
    },
    Suite {
        name: "http2-passed",
        what: "HTTP/2 that is passed on to nghttpd, nginx and hypercorn: the verdicts of the direct way",
        usual: true,
        run: http2::passed,
    },
    Suite {
        name: "websocket",
        what: "WebSocket frames, fragments, UTF-8, closing, limits, of servers behind us and clients in front: the verdicts of the direct way",
        usual: true,
        run: websocket::frames,
    },
    Suite {
        name: "websocket-deflate",
        what: "the same of servers with `permessage-deflate`",
        usual: false,
        run: websocket::deflate,
    },
    Suite {
        name: "cache",
        what: "caches: the verdicts of the direct way, as we keep nothing",
        usual: true,
        run: cache::run,
    },
    Suite {
        name: "load",
        what: "many requests at once, HTTP/1.1 and HTTP/2, in the clear and over TLS: none fails",
        usual: true,
        run: load::run,
    },
    Suite {
        name: "testssl",
        what: "weaknesses of TLS that a client finds at `--mode reverse` in front of nginx with TLS 1.2 and 1.3",
        usual: false,
        run: tls::run,
    },
    Suite {
        name: "browsers",
        what: "HTTP/2 as browsers speak it: settings, order of pseudo-fields and of fields, as they arrive",
        usual: true,
        run: clients::browsers,
    },
    Suite {
        name: "clients",
        what: "what real clients say of their answers, and what arrives of their requests, to the byte",
        usual: true,
        run: clients::run,
    },
    Suite { name: "chromium", what: "the same of a browser", usual: true, run: clients::chromium },
];
