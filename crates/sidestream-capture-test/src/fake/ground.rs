//! The ground on which the suite tries the fake driver.

use std::io;
use std::net::SocketAddr;

use sidestream_capture::{BoxFuture, Capture};

use super::{Fake, FakeCapture, FakeClients};
use crate::{Connected, Datagrams, Family, Ground, KnownProcess};

/// The ground on which the suite tries the fake driver.
#[derive(Debug)]
pub struct FakeGround {
    capture: Option<FakeCapture>,
    clients: FakeClients,
}

impl FakeGround {
    /// Makes a driver and its clients; needs a tokio runtime.
    #[expect(clippy::new_without_default, reason = "it starts tasks")]
    pub fn new() -> Self {
        let (capture, clients) = Fake::new();
        Self { capture: Some(capture), clients }
    }
}

impl Ground for FakeGround {
    fn capture(&mut self) -> Box<dyn Capture> {
        Box::new(self.capture.take().expect("the suite asks for the driver once"))
    }

    fn connect(&self, server: SocketAddr) -> BoxFuture<'static, io::Result<Connected>> {
        let clients = self.clients.clone();
        Box::pin(async move { clients.connect(server).await })
    }

    fn open_udp(&self, family: Family) -> BoxFuture<'static, io::Result<Box<dyn Datagrams>>> {
        let clients = self.clients.clone();
        Box::pin(async move { clients.open_udp(family).await })
    }

    fn process(&self) -> Option<KnownProcess> {
        let process = self.clients.process();
        Some(KnownProcess { pid: process.pid, path: process.path.clone() })
    }
}
