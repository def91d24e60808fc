//! Socket addresses as they lie in memory.

use std::io;
use std::mem::offset_of;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};

use crate::sys::imp::raw::check;

/// The most that an address takes.
pub(super) const MAX: usize = 128;

/// What a program means by an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A peer; with an IPv4 address within IPv6 as the IPv4 address that it is.
    Peer(SocketAddr),
    /// None any more.
    Nobody,
    /// Something else, which the kernel may judge.
    Other,
}

/// Reads an address that a socket of this domain is given.
pub(super) fn read(bytes: &[u8], domain: i32) -> Meaning {
    let Some(family) = bytes.first_chunk().map(|family| u16::from_ne_bytes(*family)) else {
        return Meaning::Other;
    };
    match i32::from(family) {
        libc::AF_UNSPEC => Meaning::Nobody,
        libc::AF_INET if bytes.len() >= size_of::<libc::sockaddr_in>() => {
            let ip = Ipv4Addr::from(chunk(bytes, offset_of!(libc::sockaddr_in, sin_addr)));
            // On an IPv6 socket too, as the kernel takes it for datagrams.
            Meaning::Peer(SocketAddr::new(served(ip.into()), port(bytes)))
        }
        // The kernel asks for all but the scope.
        libc::AF_INET6 if bytes.len() >= 24 && domain == libc::AF_INET6 => {
            let ip = Ipv6Addr::from(chunk(bytes, offset_of!(libc::sockaddr_in6, sin6_addr)));
            match served(IpAddr::from(ip).to_canonical()) {
                IpAddr::V4(ip) => Meaning::Peer((ip, port(bytes)).into()),
                IpAddr::V6(ip) => {
                    let scope = match bytes.get(24..28) {
                        Some(_) => u32::from_ne_bytes(chunk(bytes, 24)),
                        None => 0,
                    };
                    Meaning::Peer(SocketAddrV6::new(ip, port(bytes), 0, scope).into())
                }
            }
        }
        _ => Meaning::Other,
    }
}

/// The kernel takes the unspecified address for the local host.
fn served(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        other => other,
    }
}

fn chunk<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut chunk = [0; N];
    for (into, from) in chunk.iter_mut().zip(bytes.iter().skip(at)) {
        *into = *from;
    }
    chunk
}

fn port(bytes: &[u8]) -> u16 {
    u16::from_be_bytes(chunk(bytes, 2))
}

/// Words an address as a socket of that domain has it.
pub(super) fn write(addr: SocketAddr, domain: i32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size_of::<libc::sockaddr_in6>());
    let (ip, scope) = match addr {
        SocketAddr::V4(addr) if domain == libc::AF_INET => {
            bytes.extend((libc::AF_INET as u16).to_ne_bytes());
            bytes.extend(addr.port().to_be_bytes());
            bytes.extend(addr.ip().octets());
            bytes.extend([0; 8]);
            return bytes;
        }
        SocketAddr::V4(addr) => (addr.ip().to_ipv6_mapped(), 0),
        SocketAddr::V6(addr) => (*addr.ip(), addr.scope_id()),
    };
    bytes.extend((libc::AF_INET6 as u16).to_ne_bytes());
    bytes.extend(addr.port().to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(ip.octets());
    bytes.extend(scope.to_ne_bytes());
    bytes
}

/// Connects to what these bytes name.
pub(super) fn connect(socket: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<()> {
    // SAFETY: the pointer and the length are of a live slice.
    let connected = unsafe {
        libc::connect(socket.as_raw_fd(), bytes.as_ptr().cast(), bytes.len() as libc::socklen_t)
    };
    check(connected).map(drop)
}

/// Returns the address of the one end or the other; an IPv4 address within IPv6 as the IPv4
/// address that it is.
pub(super) fn of(socket: BorrowedFd<'_>, peer: bool) -> io::Result<SocketAddr> {
    let mut bytes = [0_u64; MAX / 8];
    let mut len = MAX as libc::socklen_t;
    let (fd, into) = (socket.as_raw_fd(), bytes.as_mut_ptr().cast());
    // SAFETY: the pointer and the length are of a live array, which the kernel fills.
    check(unsafe {
        if peer {
            libc::getpeername(fd, into, &raw mut len)
        } else {
            libc::getsockname(fd, into, &raw mut len)
        }
    })?;
    let bytes: Vec<u8> = bytes.iter().flat_map(|word| word.to_ne_bytes()).collect();
    exact(bytes.get(..len as usize).unwrap_or(&bytes))
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

/// Reads an address that the kernel gave.
pub(super) fn exact(bytes: &[u8]) -> Option<SocketAddr> {
    let family = i32::from(u16::from_ne_bytes(*bytes.first_chunk()?));
    match family {
        libc::AF_INET => Some((Ipv4Addr::from(chunk(bytes, 4)), port(bytes)).into()),
        libc::AF_INET6 => match Ipv6Addr::from(chunk::<16>(bytes, 8)).to_canonical() {
            IpAddr::V4(ip) => Some((ip, port(bytes)).into()),
            IpAddr::V6(ip) => {
                let scope = u32::from_ne_bytes(chunk(bytes, 24));
                Some(SocketAddrV6::new(ip, port(bytes), 0, scope).into())
            }
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Meaning, exact, read, write};

    #[track_caller]
    fn check(addr: &str, domain: i32, expected: &str) {
        let bytes = write(addr.parse().unwrap(), domain);
        assert_eq!(read(&bytes, domain), Meaning::Peer(expected.parse().unwrap()));
    }

    #[test]
    fn an_address_survives_the_way() {
        check("192.0.2.1:80", libc::AF_INET, "192.0.2.1:80");
        check("192.0.2.1:80", libc::AF_INET6, "192.0.2.1:80");
        check("[2001:db8::1]:443", libc::AF_INET6, "[2001:db8::1]:443");
        check("0.0.0.0:80", libc::AF_INET, "127.0.0.1:80");
        check("[::]:80", libc::AF_INET6, "[::1]:80");
    }

    #[test]
    fn what_is_no_peer_is_told_apart() {
        assert_eq!(read(&[0, 0], libc::AF_INET), Meaning::Nobody);
        assert_eq!(read(&[], libc::AF_INET), Meaning::Other);
        assert_eq!(read(&[2, 0, 0, 80, 1, 2, 3], libc::AF_INET), Meaning::Other);
        assert_eq!(read(&[1, 0, b'/'], libc::AF_UNIX), Meaning::Other);
        let v6 = write("[2001:db8::1]:1".parse().unwrap(), libc::AF_INET6);
        assert_eq!(read(&v6, libc::AF_INET), Meaning::Other);
        assert_eq!(read(&v6[..23], libc::AF_INET6), Meaning::Other);
        assert_eq!(exact(&[9]), None);
    }
}
