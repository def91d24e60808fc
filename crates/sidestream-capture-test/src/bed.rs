//! What every check stands on: a driver, a relay that serves it, servers, and patience.

use std::io;
use std::net::SocketAddr;

use sidestream_capture::{Capabilities, Capture, Stream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::relay::Relay;
use crate::{Config, Connected, Family, Ground};

/// A driver under test and the relay that serves it.
pub(crate) struct Bed<'a> {
    pub(crate) ground: &'a dyn Ground,
    pub(crate) config: &'a Config,
    pub(crate) capabilities: Capabilities,
    pub(crate) relay: Relay,
}

impl<'a> Bed<'a> {
    pub(crate) fn new(ground: &'a mut dyn Ground, config: &'a Config) -> Self {
        let capture = ground.capture();
        Self::with(ground, config, capture)
    }

    pub(crate) fn with(
        ground: &'a dyn Ground,
        config: &'a Config,
        capture: Box<dyn Capture>,
    ) -> Self {
        let capabilities = capture.capabilities();
        let relay = Relay::start(capture, ground.dial());
        Self { ground, config, capabilities, relay }
    }

    /// Waits for something that must happen, or fails saying what did not.
    pub(crate) async fn within<T>(&self, what: &str, future: impl Future<Output = T>) -> T {
        let waited = tokio::time::timeout(self.config.patience, future).await;
        waited.unwrap_or_else(|_| self.fail(&format!("{what} did not happen in time")))
    }

    /// Fails with what the relay has seen.
    pub(crate) fn fail(&self, what: &str) -> ! {
        panic!("{what}{}", self.relay.problems())
    }

    /// Listens where the clients get to through the driver.
    pub(crate) fn listen(&self, family: Family) -> (TcpListener, SocketAddr) {
        listen(self.ground, family)
    }

    /// Connects a client to a server of the suite.
    pub(crate) async fn connect(&self, server: SocketAddr) -> Connected {
        let connected = self.within("connecting", self.ground.connect(server)).await;
        connected.unwrap_or_else(|error| self.fail(&format!("the client cannot connect: {error}")))
    }

    /// Gives both ends of a connection through the driver.
    pub(crate) async fn pair(&self, family: Family) -> (Connected, TcpStream) {
        let (listener, addr) = self.listen(family);
        let client = self.connect(addr).await;
        let accepted = self.within("reaching the server", listener.accept()).await;
        let (server, _from) = accepted.expect("a listener on loopback accepts");
        (client, server)
    }

    /// Sends some bytes one way and asserts that they come, whole and in order.
    pub(crate) async fn carries<W, R>(&self, way: &str, from: &mut W, to: &mut R, bytes: &[u8])
    where
        W: AsyncWrite + Unpin + ?Sized,
        R: AsyncRead + Unpin + ?Sized,
    {
        let write = async {
            from.write_all(bytes).await?;
            from.flush().await
        };
        let written = self.within(&format!("writing {way}"), write).await;
        or_fail(self, &format!("cannot write {way}"), written);
        let mut read = vec![0; bytes.len()];
        let got = self.within(&format!("reading {way}"), to.read_exact(&mut read)).await;
        or_fail(self, &format!("cannot read {way}"), got);
        assert!(read == bytes, "the bytes {way} are not those that were written: {}", {
            let at = read.iter().zip(bytes).position(|(read, written)| read != written);
            format!("the first that differs is number {}", at.unwrap_or_default())
        });
    }

    /// Asserts that the next thing to be read is the end.
    pub(crate) async fn ends<R: AsyncRead + Unpin + ?Sized>(&self, who: &str, reader: &mut R) {
        let mut buf = [0; 64];
        match self.within(&format!("the {who} seeing the end"), reader.read(&mut buf)).await {
            Ok(0) => {}
            Ok(n) => self.fail(&format!("the {who} read {n} bytes where the end was sent")),
            Err(error) => self.fail(&format!("the {who} saw an error, not the end: {error}")),
        }
    }

    /// Asserts that what the reader sees next is a reset.
    pub(crate) async fn is_reset<R: AsyncRead + Unpin + ?Sized>(&self, who: &str, reader: &mut R) {
        let mut buf = [0; 64];
        match self.within(&format!("the {who} seeing the reset"), reader.read(&mut buf)).await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            Err(error) => self.fail(&format!("the {who} saw {error}, not a reset")),
            Ok(0) => self.fail(&format!("the {who} saw an ordinary end, not a reset")),
            Ok(n) => self.fail(&format!("the {who} read {n} bytes where a reset was sent")),
        }
    }
}

/// How many connections may wait to be accepted: more than any check makes at once, since a
/// kernel whose queue is full loses some.
const BACKLOG: u32 = 4096;

pub(crate) fn listen(ground: &dyn Ground, family: Family) -> (TcpListener, SocketAddr) {
    let ip = ground.server_ip(family).expect("checks ask for families that the ground has");
    let socket = match family {
        Family::V4 => TcpSocket::new_v4(),
        Family::V6 => TcpSocket::new_v6(),
    };
    let socket = socket.expect("the machine has sockets");
    socket.bind((ip, 0).into()).expect("the ground's server address is here");
    let listener = socket.listen(BACKLOG).expect("a bound socket can listen");
    let addr = listener.local_addr().expect("a bound socket has an address");
    (listener, addr)
}

/// Returns the value, or fails saying what could not be done.
pub(crate) fn or_fail<T>(bed: &Bed<'_>, what: &str, result: io::Result<T>) -> T {
    result.unwrap_or_else(|error| bed.fail(&format!("{what}: {error}")))
}

/// Resets a kernel connection.
pub(crate) fn reset(stream: TcpStream) {
    Stream::reset(Box::new(stream));
}

/// Fills a buffer such that a byte out of place is noticed; `seed` tells streams apart.
pub(crate) fn pattern(seed: u64, len: usize) -> Vec<u8> {
    // A multiplicative generator: cheap, and without a period that chunk sizes could hit.
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (state >> 56) as u8
    };
    std::iter::repeat_with(&mut next).take(len).collect()
}
