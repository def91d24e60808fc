//! What is said to a proxy before it leads to a server.

use std::io;

use bytes::Bytes;
use sidestream_capture::{Stream, Target};
use sidestream_record::{DialFailure, ProxyFailure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::http::{Answer, MAX_ANSWER, encode_connect};
use crate::socks5::{Command, Handshake, HandshakeError, Reply, Step};
use crate::stream::Early;
use crate::{Credentials, http};

/// Why a proxy did not lead to a server.
#[derive(Debug)]
pub(crate) enum HopError {
    /// By its rules there is no tunnel; requests it may take all the same.
    Denied(ProxyFailure),
    /// The proxy failed.
    Proxy(ProxyFailure),
    /// It relays no datagrams.
    NoDatagrams,
    /// The server did, as the proxy says.
    Server(DialFailure),
}

impl From<io::Error> for HopError {
    fn from(error: io::Error) -> Self {
        let reason = match error.kind() {
            io::ErrorKind::UnexpectedEof => "it ended the connection".into(),
            _ => error.to_string(),
        };
        Self::Proxy(ProxyFailure::Broken { reason })
    }
}

/// Asks for a tunnel by HTTP.
pub(crate) async fn connect(
    mut stream: Box<dyn Stream>,
    server: &Target,
    credentials: Option<&Credentials>,
) -> Result<Box<dyn Stream>, HopError> {
    let unsayable = || HopError::Server(unknown(server));
    let request = encode_connect(server, credentials).ok_or_else(unsayable)?;
    stream.write_all(&request).await?;
    stream.flush().await?;
    let mut read = Vec::new();
    let answer = loop {
        if (&mut stream).take(MAX_ANSWER as u64).read_buf(&mut read).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        match Answer::decode(&read) {
            Ok(Some(answer)) => break answer,
            Ok(None) => {}
            Err(error) => return Err(broken(error)),
        }
    };
    if answer.is_tunnel() {
        return Ok(Early::give_back(Bytes::from(read).split_off(answer.len), stream));
    }
    let reason = answer.words();
    Err(match answer.status {
        403 | 405 => HopError::Denied(ProxyFailure::Refused { reason }),
        407 => HopError::Proxy(ProxyFailure::Unauthorized),
        504 => HopError::Server(DialFailure::TimedOut),
        _ => HopError::Proxy(ProxyFailure::Refused { reason }),
    })
}

fn broken(error: http::AnswerError) -> HopError {
    HopError::Proxy(ProxyFailure::Broken { reason: error.to_string() })
}

/// Asks for something by SOCKS5, and returns what the proxy says about where it is.
pub(crate) async fn socks5(
    stream: &mut dyn Stream,
    command: Command,
    server: &Target,
    credentials: Option<&Credentials>,
) -> Result<Target, HopError> {
    let refused = |error| refused(error, command, server);
    let mut handshake = Handshake::new(command, server, credentials).map_err(refused)?;
    let mut words = handshake.hello();
    let mut buf = [0; 300];
    loop {
        stream.write_all(&words).await?;
        stream.flush().await?;
        words = loop {
            // Never more than is the proxy's: what is behind it is the server's.
            let wanted = handshake.wants().min(buf.len());
            stream.read_exact(&mut buf[..wanted]).await?;
            match handshake.handle(&buf[..wanted]).map_err(refused)? {
                Step::More => {}
                Step::Say(words) => break words,
                Step::Done(bound) => return Ok(bound),
            }
        };
    }
}

fn refused(error: HandshakeError, command: Command, server: &Target) -> HopError {
    let reply = match error {
        HandshakeError::Refused(Reply::COMMAND) if command == Command::Associate => {
            return HopError::NoDatagrams;
        }
        HandshakeError::Refused(reply) => reply,
        HandshakeError::Unauthorized | HandshakeError::Credentials => {
            return HopError::Proxy(ProxyFailure::Unauthorized);
        }
        HandshakeError::Address(_) | HandshakeError::Version { .. } => {
            return HopError::Proxy(ProxyFailure::Broken { reason: error.to_string() });
        }
    };
    let failure = match (reply, server) {
        (Reply::REFUSED, _) => DialFailure::Refused,
        (Reply::NETWORK_UNREACHABLE, _) => DialFailure::Unreachable,
        // Of a name it mostly says that there is none.
        (Reply::HOST_UNREACHABLE, Target::Name(..)) => unknown(server),
        (Reply::HOST_UNREACHABLE, Target::Addr(_)) => DialFailure::Unreachable,
        (Reply::EXPIRED, _) => DialFailure::TimedOut,
        (other, _) => {
            return HopError::Proxy(ProxyFailure::Refused { reason: other.to_string() });
        }
    };
    HopError::Server(failure)
}

fn unknown(server: &Target) -> DialFailure {
    let host = match server {
        Target::Addr(addr) => addr.ip().to_string(),
        Target::Name(host, _) => host.clone(),
    };
    DialFailure::Unknown { host }
}
