//! What the user of a sandbox should be told.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use sidestream_flow::{Process, Transport};
use tokio::sync::mpsc;

use crate::Feature;

/// Something that the user of a sandbox should be told, each at most once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// A service is reached by an abstract unix socket, which a network namespace hides.
    AbstractSocket {
        /// The variable that names it.
        variable: &'static str,
    },
    /// Under a filter: a socket that is bound to a device is connected directly.
    BoundToDevice,
    /// Processes outlived the command and are ended.
    Descendants(Vec<Arc<Process>>),
    /// What the command has Docker start runs outside of the sandbox.
    Docker,
    /// Namespaces cannot be had, so the command runs under a filter.
    Fallback {
        /// What is withheld.
        feature: Feature,
        /// What to do about it.
        remedy: &'static str,
    },
    /// Under a filter: a program for another architecture was refused its connections.
    Foreign,
    /// Under a filter: a process does not let itself be looked into, and connects directly.
    Hidden,
    /// Under a filter: `io_uring` was refused, as nobody would be asked about its connections.
    IoUring,
    /// Under a filter: a program cannot supervise others in this way, as we do.
    NoListener,
    /// Something in the sandbox listens where the host already does; it is reachable from
    /// inside only.
    PortTaken {
        /// The transport.
        transport: Transport,
        /// The address.
        addr: SocketAddr,
    },
    /// Something other than TCP and UDP was sent, and refused.
    Refused(Refused),
    /// Under a filter: no descriptor was left for a connection, which went directly.
    Scarce,
    /// The command is a program that gains rights when it is run; it will not.
    Setuid,
}

/// What a sandbox cannot carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refused {
    /// ICMP to another host: `ping`, `traceroute`.
    Icmp,
    /// Multicast and broadcast.
    Multicast,
    /// Any other protocol.
    Other,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AbstractSocket { variable } => {
                write!(f, "{variable} names an abstract socket, which cannot be reached from here")
            }
            Self::BoundToDevice => {
                f.write_str("a socket that is bound to a device goes by itself, not captured")
            }
            Self::Descendants(processes) => {
                f.write_str("still running after the command, and now ended:")?;
                processes.iter().enumerate().try_for_each(|(index, process)| {
                    let comma = if index == 0 { "" } else { "," };
                    write!(f, "{comma} {} ({})", process.name, process.pid)
                })
            }
            Self::Docker => f.write_str("what Docker starts runs outside and is not captured"),
            Self::Fallback { feature, remedy } => {
                write!(f, "captured by seccomp, as {feature} cannot be had: {remedy}")
            }
            Self::Foreign => {
                f.write_str("a program for another architecture was refused its connections")
            }
            Self::Hidden => {
                f.write_str("a process that hides its memory goes by itself, not captured")
            }
            Self::IoUring => f.write_str("io_uring is refused, as it cannot be captured here"),
            Self::NoListener => {
                f.write_str("a program that supervises others by seccomp is refused that")
            }
            Self::PortTaken { transport, addr } => {
                write!(f, "{transport} {addr} is taken on this host, reachable from inside only")
            }
            Self::Refused(Refused::Icmp) => f.write_str("ICMP to other hosts is refused"),
            Self::Refused(Refused::Multicast) => f.write_str("multicast and broadcast are refused"),
            Self::Refused(Refused::Other) => {
                f.write_str("a protocol other than TCP and UDP was refused")
            }
            Self::Scarce => f.write_str(
                "too many files are open here, so some of it goes by itself, not captured",
            ),
            Self::Setuid => f.write_str("the command will not gain the rights it usually gains"),
        }
    }
}

/// The notices of a sandbox, as they come.
#[derive(Debug)]
pub struct Notices(pub(crate) mpsc::UnboundedReceiver<Notice>);

impl Notices {
    /// Polls for the next notice; `None` means that no more will come.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost between two calls.
    pub fn poll_notice(&mut self, cx: &mut Context<'_>) -> Poll<Option<Notice>> {
        self.0.poll_recv(cx)
    }

    /// Waits for the next notice; `None` means that no more will come.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Notice> {
        self.0.recv().await
    }

    /// Takes a notice that is there already.
    pub fn try_next(&mut self) -> Option<Notice> {
        self.0.try_recv().ok()
    }
}
