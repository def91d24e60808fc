//! A connection that speaks a protocol that nobody knows: a mark and a number, answered with as
//! many bytes, or one once as many have gone.

use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Route;
use crate::origin::{HOST, RAW_MARK, RAW_UP};

/// How much is read or written at once.
const CHUNK: usize = 256 * 1024;

/// An open connection; it is closed when it is dropped.
#[derive(Debug)]
pub(super) struct Raw(TcpStream);

impl Raw {
    pub(super) async fn open(route: Route) -> anyhow::Result<Self> {
        route.dial(HOST).await.map(Self).context("connecting")
    }

    /// Fetches that many bytes.
    pub(super) async fn get(&mut self, len_bytes: u64) -> anyhow::Result<()> {
        self.ask(len_bytes).await?;
        let Self(stream) = self;
        let mut buf = vec![0; CHUNK];
        let mut left = len_bytes;
        while left > 0 {
            let wanted = buf.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let read = stream.read(&mut buf[..wanted]).await?;
            ensure!(read > 0, "the answer is cut short, {left} bytes are missing");
            left -= read as u64;
        }
        Ok(())
    }

    /// Sends that many bytes, and waits until they have come.
    pub(super) async fn put(&mut self, len_bytes: u64) -> anyhow::Result<()> {
        self.ask(len_bytes | RAW_UP).await?;
        let Self(stream) = self;
        let chunk = vec![0x55; CHUNK];
        let mut left = len_bytes;
        while left > 0 {
            let len = CHUNK.min(usize::try_from(left).unwrap_or(usize::MAX));
            stream.write_all(&chunk[..len]).await?;
            left -= len as u64;
        }
        stream.read_u8().await.context("waiting for the answer")?;
        Ok(())
    }

    async fn ask(&mut self, number: u64) -> anyhow::Result<()> {
        let Self(stream) = self;
        Ok(stream.write_all(&[&[RAW_MARK], &number.to_be_bytes()[..]].concat()).await?)
    }
}
