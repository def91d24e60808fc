//! What a client sends that is no SOCKS, or more than is offered.

/// Why bytes are not an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// There is no such type of address.
    #[error("there is no address type {kind}")]
    AddressType {
        /// The type.
        kind: u8,
    },
    /// What should be a name is none.
    #[error("a name is empty or has bytes that no name has")]
    Name,
    /// It ends before its end.
    #[error("an address is cut short")]
    Truncated,
}

/// Why a client is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// Its address is none.
    #[error("the client asks for something that is no address")]
    Address(#[source] DecodeError),
    /// It asks for something other than CONNECT and UDP ASSOCIATE.
    #[error("the client asks for command {command}, which is not offered")]
    Command {
        /// The command.
        command: u8,
    },
    /// It gave another user or password.
    #[error("the client gave a wrong user or password")]
    Login,
    /// It offers no way of proving who it is that is accepted.
    #[error("the client offers no way of authentication that is accepted")]
    Method,
    /// It sent more than a field of version 4 can be.
    #[error("the client sent a field of SOCKS4 that is too long")]
    TooLong,
    /// It speaks something else.
    #[error("the client does not speak SOCKS: its message is of version {version}")]
    Version {
        /// The first byte.
        version: u8,
    },
}
