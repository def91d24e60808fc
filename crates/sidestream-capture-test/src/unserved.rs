//! A driver whose flows the check itself takes and answers.

use std::net::SocketAddr;
use std::time::Duration;

use sidestream_capture::{Capabilities, Capture, FlowInfo, Incoming, Kind, Stream, next_incoming};
use tokio::net::TcpListener;

use crate::bed::listen;
use crate::{Config, Connected, Family, Ground};

/// A driver under test without a relay, and a server address that clients may ask for.
pub(crate) struct Unserved<'a> {
    pub(crate) ground: &'a dyn Ground,
    pub(crate) config: &'a Config,
    pub(crate) patience: Patience,
    pub(crate) capture: Box<dyn Capture>,
    pub(crate) capabilities: Capabilities,
    pub(crate) server: SocketAddr,
    _listener: TcpListener,
}

/// How long anything may take to go on.
#[derive(Clone, Copy)]
pub(crate) struct Patience(Duration);

impl Patience {
    /// Waits for something that must happen, or fails saying what did not.
    pub(crate) async fn within<T>(self, what: &str, future: impl Future<Output = T>) -> T {
        let waited = tokio::time::timeout(self.0, future).await;
        waited.unwrap_or_else(|_| panic!("{what} did not happen in time"))
    }
}

/// A flow that was taken and accepted: what the driver says, and both ends.
pub(crate) struct Taken {
    pub(crate) info: FlowInfo,
    pub(crate) client: Connected,
    pub(crate) stream: Box<dyn Stream>,
}

impl<'a> Unserved<'a> {
    pub(crate) async fn new(ground: &'a mut dyn Ground, config: &'a Config) -> Self {
        let capture = ground.capture();
        let capabilities = capture.capabilities();
        let (listener, server) = listen(ground, Family::V4);
        let patience = Patience(config.patience);
        Self { ground, config, patience, capture, capabilities, server, _listener: listener }
    }

    /// Takes the next flow.
    pub(crate) async fn incoming(&mut self) -> Incoming {
        let next = next_incoming(&mut *self.capture);
        let next = self.patience.within("the driver giving the flow", next).await;
        next.expect("the capture is whole").expect("the capture goes on")
    }

    /// Connects a client, takes its flow and accepts it.
    pub(crate) async fn take(&mut self) -> Taken {
        let connecting = tokio::spawn(self.ground.connect(self.server));
        let Incoming { info, kind } = self.incoming().await;
        let Kind::Tcp(pending) = kind else { panic!("a TCP connection came as a UDP flow") };
        let stream = self.patience.within("accepting", pending.accept()).await;
        let stream = stream.expect("the client waits for the answer");
        let client = self.patience.within("the client's connect", connecting).await;
        let client = client.expect("a ground does not panic").expect("the client was accepted");
        Taken { info, client, stream }
    }
}
