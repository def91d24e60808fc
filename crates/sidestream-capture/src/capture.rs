//! Drivers and what they yield.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use sidestream_flow::{FlowKey, Process};
use sidestream_spec::Spec;

use crate::{Association, BoxFuture, Capabilities, Pending};

/// Takes flows from the system.
///
/// Dropping it ends the capture and undoes whatever the driver changed on the machine.
pub trait Capture: Send {
    /// Polls for the next flow; `None` means that the capture is over.
    ///
    /// # Errors
    ///
    /// An error means that the capture broke and yields no more flows. A single flow's failure
    /// is never one.
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Incoming>>>;

    /// Returns what the driver can do.
    fn capabilities(&self) -> Capabilities;

    /// Takes no more flows from the system, if the driver can do that and yet go on: what it took
    /// before is still yielded, and then the end. Returns whether it can.
    ///
    /// One that cannot ends when it is dropped, and what it took and did not yield ends with it.
    fn close(&mut self) -> bool {
        false
    }

    /// Returns the means of changing what is captured while flows are being taken, where the
    /// driver has one.
    fn control(&self) -> Option<Arc<dyn Control>> {
        None
    }
}

/// Waits for the next flow of a driver; `None` means that the capture is over.
///
/// # Errors
///
/// See [`Capture::poll_incoming`].
///
/// # Cancel safety
///
/// Nothing is lost if the future is dropped.
pub async fn next_incoming(capture: &mut (dyn Capture + '_)) -> io::Result<Option<Incoming>> {
    poll_fn(|cx| capture.poll_incoming(cx)).await
}

/// Changes what a driver captures while it runs.
pub trait Control: Send + Sync {
    /// Sets which processes are captured. The future is ready when the new spec is in force;
    /// flows that are under way go on.
    fn set_spec(&self, spec: Spec) -> BoxFuture<'static, Result<(), SetSpecError>>;
}

/// Why a spec is not in force.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetSpecError {
    /// The driver has ended.
    #[error("the capture is over, start it anew with the new spec")]
    Over,
    /// The system did not take it.
    #[error("cannot tell the system which processes to capture")]
    System(#[from] io::Error),
}

/// A flow that was captured and waits to be served.
#[derive(Debug)]
pub struct Incoming {
    /// What is known of it.
    pub info: FlowInfo,
    /// How it is served.
    pub kind: Kind,
}

/// The two kinds of flows.
pub enum Kind {
    /// A TCP connection that waits for its answer.
    Tcp(Box<dyn Pending>),
    /// A UDP association whose first datagram can be received.
    Udp(Box<dyn Association>),
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp(_) => "Tcp",
            Self::Udp(_) => "Udp",
        })
    }
}

/// What is known of a flow as it arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowInfo {
    /// The five-tuple, with the original destination.
    pub key: FlowKey,
    /// The process that opened it.
    pub process: Option<Arc<Process>>,
    /// The mode that captured it, as the user knows it: `run`, `regular`.
    pub via: &'static str,
    /// Where the client wants to get to.
    pub destination: Destination,
    /// Where upstream connections of this flow must leave.
    pub egress: Egress,
    /// What is left of the spec when it depends on the host's name: until that is known the flow
    /// is not decrypted, and nothing of its content is recorded.
    pub residual: Option<Arc<Spec>>,
}

/// Where the client of a flow wants to get to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Destination {
    /// To the server in the flow's key.
    #[default]
    Original,
    /// To the host of that name, at the port in the flow's key, whose address is unspecified: the
    /// client leaves it to the proxy to look it up.
    Host(Arc<str>),
    /// To whatever its requests name: the client speaks to the proxy.
    Named,
}

/// Names the place from which upstream connections of a flow leave: a network namespace, a
/// mark, a device.
///
/// The driver gives it and its [`Dial`](crate::Dial) understands it; for everyone else it is
/// opaque. The default is where the proxy itself is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Egress(pub u64);
