//! From our first word to the proxy's last before the server's.

use sidestream_capture::Target;

use super::{AddressError, Reply, address, decode_address, encode_address};
use crate::Credentials;

const VERSION: u8 = 5;
/// The version of the negotiation of user and password (RFC 1929 §2).
const LOGIN: u8 = 1;
const NO_LOGIN: u8 = 0;
const BY_PASSWORD: u8 = 2;
const NONE_ACCEPTED: u8 = 0xff;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// A relay of datagrams.
    Associate,
    /// A connection.
    Connect,
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The proxy did it, and says where: of an association, where datagrams are to be sent.
    Done(Target),
    /// Read on.
    More,
    /// Send this, and read on.
    Say(Vec<u8>),
}

/// Why there is nothing to be had of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The server cannot be said, or what the proxy says is no address.
    #[error("an address makes no sense")]
    Address(#[from] AddressError),
    /// The user or the password is longer than 255 bytes, or empty.
    #[error("user and password have 1 to 255 bytes each in SOCKS5")]
    Credentials,
    /// It does not do it.
    #[error("{0}")]
    Refused(Reply),
    /// It wants a user and password, or others.
    #[error("a user and password are wanted, or others")]
    Unauthorized,
    /// It does not speak SOCKS5.
    #[error("its message is not of SOCKS5 (it begins with {byte})")]
    Version {
        /// What it begins with.
        byte: u8,
    },
}

enum Expects {
    Method,
    Login,
    Reply,
}

/// The client's side of the handshake.
pub struct Handshake {
    expects: Expects,
    login: Option<Vec<u8>>,
    request: Vec<u8>,
    read: Vec<u8>,
}

impl std::fmt::Debug for Handshake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handshake").finish_non_exhaustive()
    }
}

impl Handshake {
    /// Makes one that asks for that, to that server.
    ///
    /// # Errors
    ///
    /// The server, or the user and password, cannot be said in SOCKS5.
    pub fn new(
        command: Command,
        server: &Target,
        credentials: Option<&Credentials>,
    ) -> Result<Self, HandshakeError> {
        let code = match command {
            Command::Connect => 1,
            Command::Associate => 3,
        };
        let mut request = vec![VERSION, code, 0];
        encode_address(server, &mut request)?;
        let login = credentials.map(login).transpose()?;
        Ok(Self { expects: Expects::Method, login, request, read: Vec::new() })
    }

    /// Returns our first words.
    pub fn hello(&self) -> Vec<u8> {
        match self.login {
            None => vec![VERSION, 1, NO_LOGIN],
            Some(_) => vec![VERSION, 2, NO_LOGIN, BY_PASSWORD],
        }
    }

    /// Returns how many bytes are wanted next: what is behind them is not the proxy's.
    pub fn wants(&self) -> usize {
        let whole = match self.expects {
            Expects::Method | Expects::Login => 2,
            // Whether there is more is said first.
            Expects::Reply if self.read.len() < 2 => 2,
            // What it begins with was looked at when it came.
            Expects::Reply => 3 + address::len(self.read.get(3..).unwrap_or_default()).unwrap_or(2),
        };
        whole.saturating_sub(self.read.len()).max(1)
    }

    /// Takes what the proxy sent, no more than was wanted.
    ///
    /// # Errors
    ///
    /// It does not do what was asked for, or makes no sense.
    pub fn handle(&mut self, bytes: &[u8]) -> Result<Step, HandshakeError> {
        self.read.extend_from_slice(bytes);
        match (&self.expects, &self.read[..]) {
            (Expects::Method | Expects::Reply, [byte, ..]) if *byte != VERSION => {
                Err(HandshakeError::Version { byte: *byte })
            }
            (Expects::Method, [_, NO_LOGIN]) => Ok(self.ask()),
            (Expects::Method, [_, BY_PASSWORD]) => match self.login.take() {
                Some(login) => {
                    self.read.clear();
                    self.expects = Expects::Login;
                    Ok(Step::Say(login))
                }
                None => Err(HandshakeError::Unauthorized),
            },
            (Expects::Method, [_, NONE_ACCEPTED]) => Err(HandshakeError::Unauthorized),
            (Expects::Method, [_, other]) => Err(HandshakeError::Version { byte: *other }),
            (Expects::Login, [_, 0]) => Ok(self.ask()),
            (Expects::Login, [_, _]) => Err(HandshakeError::Unauthorized),
            (Expects::Reply, [_, code, ..]) if *code != 0 => {
                Err(HandshakeError::Refused(Reply(*code)))
            }
            (Expects::Reply, [_, _, _, rest @ ..]) => match decode_address(rest) {
                Ok((bound, _)) => Ok(Step::Done(bound)),
                Err(AddressError::Truncated) => Ok(Step::More),
                // Some give the name of none where they bound none.
                Err(AddressError::Name) => Ok(Step::Done(unspecified())),
                Err(error) => Err(error.into()),
            },
            _ => Ok(Step::More),
        }
    }

    fn ask(&mut self) -> Step {
        self.read.clear();
        self.expects = Expects::Reply;
        Step::Say(std::mem::take(&mut self.request))
    }
}

fn unspecified() -> Target {
    Target::Addr(([0, 0, 0, 0], 0).into())
}

fn login(credentials: &Credentials) -> Result<Vec<u8>, HandshakeError> {
    let mut bytes = vec![LOGIN];
    for text in [&credentials.user, &credentials.password] {
        let len = u8::try_from(text.len()).ok().filter(|len| *len > 0);
        bytes.push(len.ok_or(HandshakeError::Credentials)?);
        bytes.extend_from_slice(text.as_bytes());
    }
    Ok(bytes)
}
