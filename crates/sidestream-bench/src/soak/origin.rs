//! The server of a soak: it keeps what each connection says of itself.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::plan;

/// As many as may wait on Linux unless told otherwise: others would be reset.
const BACKLOG: u32 = 4096;

/// What a connection may say at most.
const MAX_SAID: u64 = 64;

/// What has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// The process of each connection, by serial.
    pub(super) pids: BTreeMap<u32, u32>,
    /// What came twice or made no sense.
    pub(super) odd: Vec<String>,
}

/// A server on all addresses of loopback; it ends with the runtime.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) port: u16,
    seen: Arc<Mutex<Seen>>,
}

impl Origin {
    pub(super) async fn start() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::UNSPECIFIED, 0).into())?;
        let listener = socket.listen(BACKLOG)?;
        let this = Self { port: listener.local_addr()?.port(), seen: Arc::default() };
        let seen = Arc::clone(&this.seen);
        tokio::spawn(async move {
            loop {
                // Out of descriptors: those that are in use come back.
                let Ok((stream, _)) = listener.accept().await else { continue };
                let seen = Arc::clone(&seen);
                tokio::spawn(async move {
                    let said = hear(stream).await;
                    seen.lock().unwrap_or_else(PoisonError::into_inner).note(said);
                });
            }
        });
        Ok(this)
    }

    /// How many connections have come.
    pub(super) fn count(&self) -> usize {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.pids.len() + seen.odd.len()
    }

    /// Lists the serials below `until` that have not come.
    pub(super) fn missing(&self, until: u32) -> Vec<u32> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        (0..until).filter(|serial| !seen.pids.contains_key(serial)).collect()
    }

    pub(super) fn take(&self) -> Seen {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Reads to the end; gives the address that was asked for and what was said.
async fn hear(stream: TcpStream) -> io::Result<(IpAddr, String)> {
    let addr = stream.local_addr()?.ip();
    let mut stream = stream.take(MAX_SAID);
    let mut said = String::new();
    stream.read_to_string(&mut said).await?;
    stream.into_inner().shutdown().await?;
    Ok((addr, said))
}

impl Seen {
    fn note(&mut self, said: io::Result<(IpAddr, String)>) {
        let (addr, said) = match said {
            Ok(said) => said,
            Err(error) => return self.odd.push(format!("a connection broke: {error}")),
        };
        let asked = match addr {
            IpAddr::V4(addr) => plan::serial(addr),
            IpAddr::V6(_) => None,
        };
        let words = said.trim_end().split_once(' ');
        let said_numbers =
            words.and_then(|(pid, serial)| pid.parse().ok().zip(serial.parse().ok()));
        match (asked, said_numbers) {
            (Some(asked), Some((pid, serial))) if asked == serial => {
                if self.pids.insert(serial, pid).is_some() {
                    self.odd.push(format!("{serial} came twice"));
                }
            }
            _ => self.odd.push(format!("to {addr} came {said:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_makes_sense_and_tells_of_the_rest() {
        let mut seen = Seen::default();
        let first: IpAddr = "127.128.0.1".parse().unwrap();
        for said in ["7 1\n", "8 1\n", "9 2\n", "x"] {
            seen.note(Ok((first, said.to_owned())));
        }
        assert_eq!(seen.pids, BTreeMap::from([(1, 8)]));
        assert_eq!(seen.odd.len(), 3, "{:?}", seen.odd);
    }
}
