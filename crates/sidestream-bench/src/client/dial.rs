//! Connections to the server, directly or by a proxy's CONNECT.

use std::net::SocketAddr;

use anyhow::ensure;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest answer to CONNECT that is read.
const MAX_ANSWER: usize = 4096;

/// Where a connection goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The server, or what stands for it.
    pub to: SocketAddr,
    /// An HTTP proxy that is asked for the way.
    pub proxy: Option<SocketAddr>,
    /// Whether the proxy is told the host's name in place of the address.
    pub by_name: bool,
}

impl Route {
    /// Makes a connection on which the host of that name can be spoken to.
    pub(super) async fn dial(&self, host: &str) -> anyhow::Result<TcpStream> {
        let mut stream = TcpStream::connect(self.proxy.unwrap_or(self.to)).await?;
        stream.set_nodelay(true)?;
        if self.proxy.is_some() {
            let to = match self.by_name {
                true => format!("{host}:{}", self.to.port()),
                false => self.to.to_string(),
            };
            let ask = format!("CONNECT {to} HTTP/1.1\r\nhost: {to}\r\n\r\n");
            stream.write_all(ask.as_bytes()).await?;
            let answer = read_head(&mut stream).await?;
            let granted = answer.starts_with(b"HTTP/1.1 200");
            let shown = String::from_utf8_lossy(&answer);
            ensure!(granted, "the proxy refused: {}", shown.lines().next().unwrap_or_default());
        }
        Ok(stream)
    }
}

/// Reads up to the empty line, and not beyond: what follows belongs to TLS.
async fn read_head(stream: &mut TcpStream) -> anyhow::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        ensure!(head.len() < MAX_ANSWER, "the proxy's answer has no end");
        head.push(stream.read_u8().await?);
    }
    Ok(head)
}
