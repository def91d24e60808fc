//! The first messages, until the helper captures.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use sidestream_ipc::{Hello, Message, Refused, Start, Started};
use tokio::time::timeout;

use super::super::channel::{ChannelError, Receiver, Sender};
use super::told::Told;
use crate::{LocalOptions, StartError};

/// How long the helper may take to say its last words.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// How long each of its answers may take. The kernel verifies what it loads meanwhile, which a slow
/// processor, or one that is emulated, takes many seconds for.
const START_PATIENCE: Duration = Duration::from_secs(30);

/// What this program calls itself.
const PROGRAM: &str = concat!("sidestream ", env!("CARGO_PKG_VERSION"));

/// Greets the helper, tells it what to capture, and waits until it does.
pub(super) async fn shake_hands(
    sender: &mut Sender,
    receiver: &mut Receiver,
    options: &LocalOptions,
    told: &mut Told,
) -> Result<Started, StartError> {
    sender.send(&Message::Hello(Hello::new(PROGRAM)), &[]).await?;
    match receive(receiver, told).await? {
        // Its version was compared as it was decoded.
        Message::Hello(hello) => tracing::debug!(program = hello.program, "the helper is there"),
        other => return Err(out_of_turn(&other)),
    }
    let (spec, reset_existing) = (options.spec.as_str().to_owned(), options.reset_existing);
    sender.send(&Message::Start(Start { spec, reset_existing }), &[]).await?;
    loop {
        match receive(receiver, told).await? {
            Message::Knock(addr) => {
                knock(addr)?;
                sender.send(&Message::Knocked, &[]).await?;
            }
            Message::Started(started) => return Ok(started),
            other => return Err(out_of_turn(&other)),
        }
    }
}

/// Waits for a message that the handshake is about.
async fn receive(receiver: &mut Receiver, told: &mut Told) -> Result<Message, StartError> {
    loop {
        let Ok(received) = timeout(START_PATIENCE, receiver.receive()).await else {
            return Err(StartError::Silent { seconds: START_PATIENCE.as_secs() });
        };
        let Some((message, _no_descriptors)) = received? else { return Err(StartError::Ended) };
        match message {
            Message::Refused(Refused { what, remedy }) => {
                return Err(StartError::Refused { what, remedy });
            }
            message => {
                if let Some(message) = told.take(message) {
                    return Ok(message);
                }
            }
        }
    }
}

/// Connects to the address that the helper watches, which tells it our pid as the kernel knows it:
/// it may have another number in its pid namespace. The hook refuses the connection.
fn knock(addr: SocketAddr) -> io::Result<()> {
    let any: SocketAddr = match addr {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    if let Err(error) = UdpSocket::bind(any)?.connect(addr) {
        tracing::trace!(%error, "knocked");
    }
    Ok(())
}

impl From<ChannelError> for StartError {
    fn from(error: ChannelError) -> Self {
        match error {
            ChannelError::Closed => Self::Ended,
            ChannelError::Io(error) => Self::System(error),
            error => Self::System(io::Error::other(error)),
        }
    }
}

fn out_of_turn(message: &Message) -> StartError {
    StartError::OutOfTurn(message.name())
}
