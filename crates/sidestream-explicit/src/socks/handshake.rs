//! What a client says before its connection is that with its server.

use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::{Address, Credentials, HandshakeError, Host, Reply, Version};

const CONNECT: u8 = 1;
const ASSOCIATE: u8 = 3;

/// Methods of authentication.
const NONE: u8 = 0;
const PASSWORD: u8 = 2;
const NONE_ACCEPTED: u8 = 0xff;

/// The longest field of version 4, whose fields end with a zero.
const MAX_FIELD: usize = 255;

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Datagrams to be relayed; the address is where they will come from.
    Associate,
    /// A connection with the server at the address.
    Connect,
}

/// A client's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The version of SOCKS in which it is answered.
    pub version: Version,
    /// What is asked for.
    pub command: Command,
    /// For whom.
    pub address: Address,
}

/// What comes next.
#[derive(Clone, PartialEq, Eq)]
pub enum Step {
    /// A user and a password are to be verified, which takes long, and the answer be told by
    /// [`Handshake::judged`].
    Judge {
        /// The user.
        user: Vec<u8>,
        /// The password.
        password: Vec<u8>,
    },
    /// More bytes.
    More,
    /// These bytes are to be sent, and then more will come.
    Say(Vec<u8>),
    /// The request is to be served and answered. What the client sends from now on is not for us.
    Serve(Request),
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Judge { .. } => f.write_str("Judge([redacted])"),
            Self::More => f.write_str("More"),
            Self::Say(words) => f.debug_tuple("Say").field(words).finish(),
            Self::Serve(request) => f.debug_tuple("Serve").field(request).finish(),
        }
    }
}

/// A client that is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub error: HandshakeError,
    /// What it is to be told before the connection is closed.
    pub say: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Greeting,
    Login,
    Request,
    Version4,
}

/// Reads what a client says up to its request, and not a byte more.
///
/// Ask how many bytes it [wants](Self::wants), read just as many, [feed](Self::handle) it, and do
/// what it says.
#[derive(Debug)]
pub struct Handshake {
    state: State,
    message: Vec<u8>,
    credentials: Option<Arc<Credentials>>,
}

impl Handshake {
    /// Begins with a client that has to give these credentials, if any.
    pub fn new(credentials: Option<Arc<Credentials>>) -> Self {
        Self { state: State::Greeting, message: Vec::new(), credentials }
    }

    /// Returns how many bytes are surely still to come before anything else happens: 1 to 257.
    pub fn wants(&self) -> usize {
        self.len().map_or(1, |len| len.saturating_sub(self.message.len()).max(1))
    }

    /// Takes bytes, no more than are wanted; others of them are left unread.
    ///
    /// # Errors
    ///
    /// The client is not served: it is told what the error says, and let go.
    pub fn handle(&mut self, bytes: &[u8]) -> Result<Step, Refused> {
        let wants = self.wants();
        self.message.extend_from_slice(&bytes[..bytes.len().min(wants)]);
        let read = self.read();
        if !matches!(read, Ok(Step::More)) {
            // What comes next is another message.
            self.message.clear();
        }
        read
    }

    fn read(&mut self) -> Result<Step, Refused> {
        if self.state == State::Greeting {
            match self.message[..] {
                [4, ..] => self.state = State::Version4,
                [5, ..] | [] => {}
                [version, ..] => return Err(silent(HandshakeError::Version { version })),
            }
        }
        let len = self.len().map_err(|error| self.refused(error))?;
        if self.message.len() < len {
            return Ok(Step::More);
        }
        match self.state {
            State::Greeting => self.greeting(),
            State::Login => self.login(),
            State::Request => self.request(),
            State::Version4 => self.version4(),
        }
    }

    /// Returns how long the message is in all, as far as what has come of it tells.
    fn len(&self) -> Result<usize, HandshakeError> {
        let message = &self.message[..];
        Ok(match self.state {
            State::Greeting => 2 + message.get(1).map_or(0, |methods| usize::from(*methods)),
            State::Login => {
                let user = 2 + message.get(1).map_or(0, |user| usize::from(*user));
                user + 1 + message.get(user).map_or(0, |password| usize::from(*password))
            }
            // Its head, the type of the address, and the length of a name.
            State::Request => match message.get(3..) {
                None | Some([] | [_]) => 5,
                Some(address) => 3 + Address::len(address).map_err(HandshakeError::Address)?,
            },
            State::Version4 => version4_len(message)?,
        })
    }

    fn greeting(&mut self) -> Result<Step, Refused> {
        let method = if self.credentials.is_some() { PASSWORD } else { NONE };
        if !self.message[2..].contains(&method) {
            let say = vec![5, NONE_ACCEPTED];
            return Err(Refused { error: HandshakeError::Method, say });
        }
        self.state = if method == PASSWORD { State::Login } else { State::Request };
        Ok(Step::Say(vec![5, method]))
    }

    fn login(&mut self) -> Result<Step, Refused> {
        if self.message[0] != 1 {
            return Err(silent(HandshakeError::Version { version: self.message[0] }));
        }
        let (user, password) = self.message[2..].split_at(usize::from(self.message[1]));
        let password = &password[1..];
        let judged = match &self.credentials {
            Some(ours) => ours.are(user, password),
            None => Some(true),
        };
        match judged {
            Some(is_right) => self.judged(is_right),
            None => Ok(Step::Judge { user: user.to_vec(), password: password.to_vec() }),
        }
    }

    /// Takes whether the user and the password are right of which [`Step::Judge`] told.
    ///
    /// # Errors
    ///
    /// The client is not served: it is told what the error says, and let go.
    pub fn judged(&mut self, is_right: bool) -> Result<Step, Refused> {
        if !is_right {
            return Err(Refused { error: HandshakeError::Login, say: vec![1, 1] });
        }
        self.state = State::Request;
        Ok(Step::Say(vec![1, 0]))
    }

    fn request(&mut self) -> Result<Step, Refused> {
        let [version, command, _reserved, ref address @ ..] = self.message[..] else {
            return Ok(Step::More);
        };
        if version != 5 {
            return Err(self.refused(HandshakeError::Version { version }));
        }
        let command = match command {
            CONNECT => Command::Connect,
            ASSOCIATE => Command::Associate,
            command => return Err(self.refused(HandshakeError::Command { command })),
        };
        let decoded = Address::decode(address).map_err(HandshakeError::Address);
        let (address, _none) = decoded.map_err(|error| self.refused(error))?;
        Ok(Step::Serve(Request { version: Version::V5, command, address }))
    }

    fn version4(&mut self) -> Result<Step, Refused> {
        if self.credentials.is_some() {
            // It has no passwords.
            return Err(self.refused(HandshakeError::Method));
        }
        let [_version, command, port_0, port_1, a, b, c, d, ref rest @ ..] = self.message[..]
        else {
            return Ok(Step::More);
        };
        if command != CONNECT {
            return Err(self.refused(HandshakeError::Command { command }));
        }
        let host = if is_named([a, b, c, d]) {
            let name = rest.split(|byte| *byte == 0).nth(1).unwrap_or_default();
            let named = Host::named(name).map_err(HandshakeError::Address);
            named.map_err(|error| self.refused(error))?
        } else {
            Host::Ip(Ipv4Addr::new(a, b, c, d).into())
        };
        let address = Address { host, port: u16::from_be_bytes([port_0, port_1]) };
        Ok(Step::Serve(Request { version: Version::V4, command: Command::Connect, address }))
    }

    fn refused(&self, error: HandshakeError) -> Refused {
        let version = if self.state == State::Version4 { Version::V4 } else { Version::V5 };
        Refused { error, say: Reply::from(error).encode_unbound(version) }
    }
}

/// Nothing can be said to somebody who speaks something else.
const fn silent(error: HandshakeError) -> Refused {
    Refused { error, say: Vec::new() }
}

/// Version 4a: an address that nobody has says that a name follows.
const fn is_named(ip: [u8; 4]) -> bool {
    matches!(ip, [0, 0, 0, last] if last != 0)
}

/// The head has 8 bytes; then comes a user, and perhaps a name, each up to a zero.
fn version4_len(message: &[u8]) -> Result<usize, HandshakeError> {
    let Some((&[_, _, _, _, a, b, c, d], rest)) = message.split_first_chunk::<8>() else {
        return Ok(9);
    };
    let mut len = 8;
    let fields = if is_named([a, b, c, d]) { 2 } else { 1 };
    let mut parts = rest.split_inclusive(|byte| *byte == 0);
    for _ in 0..fields {
        let part = parts.next().unwrap_or_default();
        len += part.len();
        if part.len() > MAX_FIELD + 1 {
            return Err(HandshakeError::TooLong);
        }
        if part.last() != Some(&0) {
            return Ok(len + 1);
        }
    }
    Ok(len)
}
