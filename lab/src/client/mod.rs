//! The lab's own client, the same over sockets and in memory.

mod connect;
mod dns;
mod http1;
mod http2;
mod request;
mod system;
mod tls;
mod udp;
mod websocket;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Answer, Ask, Family, HttpAsk, Program, Step, Trouble};
use crate::wire::{Conn, play};

pub use connect::{Connect, Failed, roots};
pub use system::{System, ask_here};

/// How long all of an ask may take.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What `sidestream-lab ask` is told, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// What to do.
    pub ask: Ask,
    /// Over what.
    pub family: Family,
}

/// Does one ask and says what came of it.
pub async fn ask(connect: &dyn Connect, ask: &Ask) -> Answer {
    let mut answer = Answer::default();
    let done = tokio::time::timeout(PATIENCE, do_it(connect, ask, &mut answer)).await;
    match done {
        Ok(Ok(())) => {}
        Ok(Err(Failed { trouble, said })) => {
            answer.trouble = Some(trouble);
            answer.said = said;
        }
        Err(_elapsed) => answer.trouble = Some(Trouble::TimedOut),
    }
    answer
}

async fn do_it(connect: &dyn Connect, ask: &Ask, answer: &mut Answer) -> Result<(), Failed> {
    match ask {
        Ask::Http(ask) => http(connect, ask, answer).await,
        Ask::WebSocket { url, frames, close, .. } => {
            websocket::ask(connect, url, frames, *close, answer).await
        }
        Ask::Tcp { host, port, steps, .. } => tcp(connect, host, *port, steps, answer).await,
        Ask::Udp { host, port, datagrams, patience, .. } => {
            let mut association = connect.associate(host, *port).await?;
            udp::ask(&mut *association, datagrams, *patience, answer).await
        }
        Ask::Dns { server, name, .. } => dns::ask(connect, server, name, answer).await,
    }
}

async fn http(connect: &dyn Connect, ask: &HttpAsk, answer: &mut Answer) -> Result<(), Failed> {
    let url = request::Url::parse(&ask.url)?;
    let stream = connect.connect(&url.host, url.port).await?;
    let alpn: &[&[u8]] = if ask.http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    let conn = if url.is_tls {
        tls::handshake(stream, &url.host, connect.roots(ask.trusts_proxy)?, alpn).await?
    } else {
        Conn::from(stream)
    };
    let is_http2 = ask.http2 && (!url.is_tls || conn.alpn() == Some(b"h2"));
    if is_http2 {
        http2::ask(conn, ask, &url, answer).await
    } else {
        http1::ask(conn, ask, &url, answer).await
    }
}

async fn tcp(
    connect: &dyn Connect,
    host: &str,
    port: u16,
    steps: &[Step],
    answer: &mut Answer,
) -> Result<(), Failed> {
    let conn = Conn::from(connect.connect(host, port).await?);
    let outcome = play(conn, steps, false).await;
    answer.content = outcome.came;
    match outcome.trouble {
        None => Ok(()),
        Some(trouble) => Err(Failed { trouble, said: String::new() }),
    }
}

/// Returns what an ask does, for people.
#[must_use]
pub fn did(ask: &Ask) -> String {
    let program = |by: Program| match by {
        Program::Curl => "curl",
        Program::Python => "python",
        Program::Node => "node",
        Program::Java => "java",
        Program::Dig => "dig",
        Program::Lab => "lab",
    };
    match ask {
        Ask::Http(HttpAsk { by, method, url, http2, .. }) => {
            let version = if *http2 { " over HTTP/2" } else { "" };
            format!("{} {method} {url}{version}", program(*by))
        }
        Ask::WebSocket { by, url, frames, .. } => {
            format!("{} {url} {} messages", program(*by), frames.len())
        }
        Ask::Tcp { by, host, port, .. } => format!("{} tcp {host}:{port}", program(*by)),
        Ask::Udp { by, host, port, datagrams, .. } => {
            format!("{} udp {host}:{port} {} datagrams", program(*by), datagrams.len())
        }
        Ask::Dns { by, server, name } => format!("{} {name} of {server}", program(*by)),
    }
}
