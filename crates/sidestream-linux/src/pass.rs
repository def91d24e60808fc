//! Flows that are nobody's business: relayed unseen.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use sidestream_capture::{Association, Dial, FlowInfo, Incoming, Kind, Pending, Stream, Target};
use sidestream_relay::{Ends, Relay};

const ENDS: Ends<Box<dyn Stream>> =
    Ends { socket: |stream| stream.socket(), reset: |stream| stream.reset() };

/// Connects a captured flow with the server that its program meant, and moves what they send
/// until both have ended.
///
/// A server that refuses is seen as such, as nearly as the driver can.
///
/// # Cancel safety
///
/// Dropping the future ends the flow.
pub async fn pass(incoming: Incoming, dial: &dyn Dial) {
    let Incoming { info, kind } = incoming;
    match kind {
        Kind::Tcp(client) => pass_connection(&info, client, dial).await,
        Kind::Udp(client) => pass_association(&info, client, dial).await,
    }
}

async fn pass_connection(info: &FlowInfo, client: Box<dyn Pending>, dial: &dyn Dial) {
    let server = match dial.dial(info, &Target::Addr(info.key.server)).await {
        Ok(server) => server.stream,
        Err(failure) => {
            tracing::debug!(flow = %info.key, ?failure, "what is passed cannot be reached");
            return client.refuse(&failure);
        }
    };
    match client.accept().await {
        Ok(client) => {
            let mut relay = Relay::new(client, server, ENDS);
            let relayed = poll_fn(|cx| relay.poll_relayed(cx)).await;
            tracing::debug!(flow = %info.key, ?relayed, "passed");
        }
        Err(error) => tracing::debug!(flow = %info.key, %error, "the client has gone"),
    }
}

async fn pass_association(info: &FlowInfo, mut client: Box<dyn Association>, dial: &dyn Dial) {
    let mut server = match dial.associate(info, &Target::Addr(info.key.server)).await {
        Ok(server) => server.association,
        Err(failure) => {
            tracing::debug!(flow = %info.key, ?failure, "what is passed cannot be reached");
            return;
        }
    };
    let (mut up, mut down) = (OneWay::default(), OneWay::default());
    poll_fn(|cx| {
        // The server's end does not end by itself, save that its socket breaks.
        match down.poll(cx, &mut *server, &mut *client) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => up.poll(cx, &mut *client, &mut *server),
        }
    })
    .await;
    tracing::debug!(flow = %info.key, "passed");
}

/// Datagrams of one direction, one of which may wait.
#[derive(Debug, Default)]
struct OneWay(Option<Bytes>);

impl OneWay {
    /// Passes on what is there; ready when no more will come.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut dyn Association,
        to: &mut dyn Association,
    ) -> Poll<()> {
        loop {
            if let Some(datagram) = &self.0 {
                // One that is too large, or refused, is lost as it would be without us.
                if let Err(error) = ready!(to.poll_send(cx, datagram)) {
                    tracing::debug!(%error, "a datagram is not passed on");
                }
                self.0 = None;
            }
            match ready!(from.poll_recv(cx)) {
                Ok(Some(datagram)) => self.0 = Some(datagram),
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Ok(None) | Err(_) => return Poll::Ready(()),
            }
        }
    }
}
