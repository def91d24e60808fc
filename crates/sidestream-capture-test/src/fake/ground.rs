//! The ground on which the suite tries the fake driver.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use sidestream_capture::{BoxFuture, Capture};
use sidestream_flow::Process;

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

    /// The clients.
    pub const fn clients(&self) -> &FakeClients {
        &self.clients
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
        Some(known(self.clients.process()))
    }

    fn connect_and_exit(
        &self,
        server: SocketAddr,
    ) -> Option<BoxFuture<'static, io::Result<KnownProcess>>> {
        let clients = self.clients.clone();
        let process = Process {
            pid: 4_712,
            parent: Some(Arc::new(clients.process().clone())),
            ..clients.process().clone()
        };
        Some(Box::pin(async move {
            drop(clients.connect_as(&process, server).await?);
            Ok(known(&process))
        }))
    }

    fn kill(&self) -> Option<BoxFuture<'static, io::Result<()>>> {
        let clients = self.clients.clone();
        Some(Box::pin(async move {
            clients.cut();
            Ok(())
        }))
    }

    /// Nobody but the clients is at the far end of the link.
    fn is_alone(&self) -> bool {
        true
    }
}

fn known(process: &Process) -> KnownProcess {
    let parents = process.parents().map(|parent| parent.pid).take(1).collect();
    KnownProcess { pid: process.pid, path: process.path.clone(), parents }
}
