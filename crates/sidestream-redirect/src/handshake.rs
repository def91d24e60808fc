//! The first messages, until the redirector captures.

use std::io;
use std::time::Duration;

use sidestream_ipc::{Hello, Message, Refused, Start, Started, encode};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::error::StartError;
use crate::flows::Flows;
use crate::link::{Link, LinkError};
use crate::reader::tell;
use crate::redirector::{Options, Told};

/// How long each answer may take. A driver is installed meanwhile, which Windows may have to check.
const PATIENCE: Duration = Duration::from_secs(30);

/// What this program calls itself.
const PROGRAM: &str = concat!("sidestream ", env!("CARGO_PKG_VERSION"));

/// Greets the redirector, tells it what to capture, and waits until it does.
pub(crate) async fn shake_hands<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    link: &mut Link<R>,
    stream: &mut W,
    options: &Options,
    flows: &Flows,
    told: &Told,
) -> Result<Started, StartError> {
    send(stream, &Message::Hello(Hello::new(PROGRAM))).await?;
    match receive(link, flows, told).await? {
        // Its version was compared as it was decoded.
        Message::Hello(hello) => {
            tracing::debug!(program = hello.program, "the redirector is there")
        }
        other => return Err(StartError::OutOfTurn(other.name())),
    }
    let (spec, reset_existing) = (options.spec.as_str().to_owned(), options.reset_existing);
    send(stream, &Message::Start(Start { spec, reset_existing })).await?;
    match receive(link, flows, told).await? {
        Message::Started(started) => Ok(started),
        other => Err(StartError::OutOfTurn(other.name())),
    }
}

/// Waits for a message that the handshake is about.
async fn receive<R: AsyncRead + Unpin>(
    link: &mut Link<R>,
    flows: &Flows,
    told: &Told,
) -> Result<Message, StartError> {
    loop {
        let Ok(received) = timeout(PATIENCE, link.receive()).await else {
            return Err(StartError::Silent { seconds: PATIENCE.as_secs() });
        };
        match received? {
            None => return Err(StartError::Ended),
            Some(Message::Refused(Refused { what, remedy })) => {
                return Err(StartError::Refused { what, remedy });
            }
            Some(message) => {
                if let Some(message) = tell(message, flows, told) {
                    return Ok(message);
                }
            }
        }
    }
}

async fn send<W: AsyncWrite + Unpin>(stream: &mut W, message: &Message) -> Result<(), StartError> {
    let mut buf = Vec::new();
    encode(message, &mut buf).map_err(io::Error::other)?;
    stream.write_all(&buf).await?;
    Ok(stream.flush().await?)
}

impl From<LinkError> for StartError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::CutOff => Self::Ended,
            LinkError::Decode(error) => Self::NotUnderstood(error),
            LinkError::Io(error) => Self::System(error),
        }
    }
}
