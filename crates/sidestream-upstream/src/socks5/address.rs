//! Addresses as requests, replies and datagrams carry them (RFC 1928 §5).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sidestream_capture::Target;

const V4: u8 = 1;
const NAME: u8 = 3;
const V6: u8 = 4;

/// Why bytes are no address, or one cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// There is no such type of address.
    #[error("there is no address type {kind}")]
    Kind {
        /// The type.
        kind: u8,
    },
    /// A name is empty, longer than 255 bytes, or has bytes that no name has.
    #[error("a name is empty, too long, or has bytes that no name has")]
    Name,
    /// It ends before its end.
    #[error("an address is cut short")]
    Truncated,
}

/// Returns how long an encoded address is in all, as far as its first bytes tell.
pub(super) fn len(bytes: &[u8]) -> Result<usize, AddressError> {
    Ok(match bytes {
        [] | [NAME] => 2,
        [V4, ..] => 1 + 4 + 2,
        [V6, ..] => 1 + 16 + 2,
        [NAME, len, ..] => 1 + 1 + usize::from(*len) + 2,
        [kind, ..] => return Err(AddressError::Kind { kind: *kind }),
    })
}

/// Reads an address at the beginning of these bytes, and returns what is behind it.
///
/// # Errors
///
/// It is not whole, of an unknown type, or its name is none.
pub fn decode_address(bytes: &[u8]) -> Result<(Target, &[u8]), AddressError> {
    let (whole, rest) = bytes.split_at_checked(len(bytes)?).ok_or(AddressError::Truncated)?;
    let (body, port) = whole.split_last_chunk::<2>().ok_or(AddressError::Truncated)?;
    let port = u16::from_be_bytes(*port);
    let ip: IpAddr = match body {
        [V4, ip @ ..] => Ipv4Addr::from(array(ip)?).into(),
        [V6, ip @ ..] => Ipv6Addr::from(array(ip)?).into(),
        [_, _, name @ ..] => return Ok((named(name, port)?, rest)),
        _ => return Err(AddressError::Truncated),
    };
    Ok((Target::Addr(SocketAddr::new(ip, port)), rest))
}

fn named(name: &[u8], port: u16) -> Result<Target, AddressError> {
    let text = str::from_utf8(name).or(Err(AddressError::Name))?;
    check_name(text)?;
    Ok(Target::Name(text.to_owned(), port))
}

fn check_name(name: &str) -> Result<u8, AddressError> {
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    u8::try_from(name.len()).ok().filter(|_| is_name).ok_or(AddressError::Name)
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], AddressError> {
    bytes.first_chunk().copied().ok_or(AddressError::Truncated)
}

/// Appends an address as it is sent.
///
/// # Errors
///
/// The name is none that can be said.
pub fn encode_address(target: &Target, bytes: &mut Vec<u8>) -> Result<(), AddressError> {
    let port = match target {
        Target::Addr(addr) => {
            match addr.ip() {
                IpAddr::V4(ip) => {
                    bytes.push(V4);
                    bytes.extend_from_slice(&ip.octets());
                }
                IpAddr::V6(ip) => {
                    bytes.push(V6);
                    bytes.extend_from_slice(&ip.octets());
                }
            }
            addr.port()
        }
        Target::Name(name, port) => {
            let len = check_name(name)?;
            bytes.extend_from_slice(&[NAME, len]);
            bytes.extend_from_slice(name.as_bytes());
            *port
        }
    };
    bytes.extend_from_slice(&port.to_be_bytes());
    Ok(())
}
