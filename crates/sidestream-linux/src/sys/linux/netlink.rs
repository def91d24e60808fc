//! A small encoder and decoder of netlink (RFC 3549), as far as a sandbox needs it.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::{io, mem};

use super::raw;

const HEADER_LEN: usize = 16;
const NESTED: u16 = 1 << 15;

/// One message under construction.
pub(super) struct Message(Vec<u8>);

impl Message {
    /// Begins a message of that kind whose fixed part is `body`.
    pub(super) fn new(kind: u16, flags: libc::c_int, body: &[u8]) -> Self {
        let mut bytes = vec![0; 4];
        bytes.extend(kind.to_ne_bytes());
        bytes.extend((flags as u16 | libc::NLM_F_REQUEST as u16).to_ne_bytes());
        bytes.extend([0; 8]);
        bytes.extend(body);
        Self(bytes).aligned()
    }

    fn aligned(mut self) -> Self {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// Adds an attribute.
    pub(super) fn attr(mut self, kind: u16, value: &[u8]) -> Self {
        self.0.extend((value.len() as u16 + 4).to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.aligned()
    }

    /// Adds a number in the byte order of this machine, as routing wants it.
    pub(super) fn attr_u32(self, kind: u16, value: u32) -> Self {
        self.attr(kind, &value.to_ne_bytes())
    }

    /// Adds a number in network byte order, as netfilter wants it.
    pub(super) fn attr_be32(self, kind: u16, value: u32) -> Self {
        self.attr(kind, &value.to_be_bytes())
    }

    /// Adds a string, closed by a zero byte.
    pub(super) fn attr_str(self, kind: u16, value: &str) -> Self {
        self.attr(kind, &[value.as_bytes(), &[0]].concat())
    }

    /// Adds an attribute that holds attributes.
    pub(super) fn nested(mut self, kind: u16, fill: impl FnOnce(Self) -> Self) -> Self {
        let start = self.0.len();
        self = fill(self.attr(kind | NESTED, &[]));
        let len = (self.0.len() - start) as u16;
        self.0[start..start + 2].copy_from_slice(&len.to_ne_bytes());
        self
    }

    /// Ends the message, which is then ready to be sent.
    pub(super) fn finish(mut self, sequence: u32) -> Vec<u8> {
        let len = self.0.len() as u32;
        self.0[..4].copy_from_slice(&len.to_ne_bytes());
        self.0[8..12].copy_from_slice(&sequence.to_ne_bytes());
        self.0
    }
}

/// A netlink socket.
#[derive(Debug)]
pub(super) struct Netlink(OwnedFd);

impl From<OwnedFd> for Netlink {
    fn from(socket: OwnedFd) -> Self {
        Self(socket)
    }
}

impl AsFd for Netlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Netlink {
    /// Makes a socket in the namespace of the caller.
    pub(super) fn open(protocol: libc::c_int) -> io::Result<Self> {
        raw::socket(libc::AF_NETLINK, libc::SOCK_RAW, protocol).map(Self)
    }

    /// Makes a socket that is told what happens in those groups, of the first 32.
    pub(super) fn listen(protocol: libc::c_int, groups: &[u32]) -> io::Result<Self> {
        let netlink = Self::open(protocol)?;
        // SAFETY: an address is plain memory.
        let mut addr: libc::sockaddr_nl = unsafe { mem::zeroed() };
        addr.nl_family = libc::AF_NETLINK as libc::sa_family_t;
        addr.nl_groups = groups.iter().fold(0, |mask, group| mask | 1 << (group - 1));
        let len = size_of_val(&addr) as libc::socklen_t;
        // A socket without a port of its own would not be told what the kernel does by itself.
        // SAFETY: the pointer and the length are of a live address.
        let bound = unsafe { libc::bind(netlink.0.as_raw_fd(), (&raw const addr).cast(), len) };
        raw::check(bound).map(|_zero| netlink)
    }

    /// Throws away what was told; `false` if nothing was.
    pub(super) fn drain(&self) -> bool {
        let mut any = false;
        loop {
            match raw::receive(self.as_fd(), &mut [0; 16], libc::MSG_DONTWAIT) {
                Ok(_len) => any = true,
                // More was said than there was room for.
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => any = true,
                Err(_empty) => return any,
            }
        }
    }

    /// Sends messages of which each is acknowledged, and fails with the first refusal.
    pub(super) fn request(&self, messages: Vec<Message>) -> io::Result<()> {
        let count = messages.len();
        for (sequence, message) in messages.into_iter().enumerate() {
            raw::send(self.0.as_fd(), &message.finish(sequence as u32))?;
            self.acknowledged(1)?;
        }
        tracing::trace!(count, "netlink messages acknowledged");
        Ok(())
    }

    /// Sends a batch that takes effect as a whole or not at all; the messages between the first
    /// and the last are acknowledged.
    pub(super) fn batch(&self, messages: Vec<Message>) -> io::Result<()> {
        let inner = messages.len().saturating_sub(2);
        let numbered = messages.into_iter().zip(0..);
        let bytes: Vec<u8> =
            numbered.flat_map(|(message, sequence)| message.finish(sequence)).collect();
        raw::send(self.0.as_fd(), &bytes)?;
        let acknowledged = self.acknowledged(inner);
        if acknowledged.is_err() {
            // What else was said must not be read as the answer to the next question.
            self.drain();
        }
        acknowledged
    }

    fn acknowledged(&self, count: usize) -> io::Result<()> {
        let mut left = count;
        let mut buf = vec![0; 32 * 1024];
        while left > 0 {
            let len = raw::receive(self.0.as_fd(), &mut buf, libc::MSG_DONTWAIT)?;
            for (kind, body) in messages(&buf[..len]) {
                if i32::from(kind) == libc::NLMSG_ERROR {
                    error_of(body)?;
                    left = left.saturating_sub(1);
                }
            }
        }
        Ok(())
    }

    /// Sends a question and reads the body of its one answer; `None` if the kernel refuses.
    pub(super) fn ask<T>(
        &self,
        message: Message,
        read: impl FnOnce(&[u8]) -> T,
    ) -> io::Result<Option<T>> {
        raw::send(self.0.as_fd(), &message.finish(0))?;
        let mut buf = [0; 4096];
        let len = raw::receive(self.0.as_fd(), &mut buf, libc::MSG_DONTWAIT)?;
        let answer = messages(&buf[..len]).next();
        Ok(answer.filter(|(kind, _)| i32::from(*kind) != libc::NLMSG_ERROR).map(|(_, b)| read(b)))
    }

    /// Sends a request for a list and calls `visit` with the body of each answer.
    pub(super) fn dump(&self, message: Message, visit: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        raw::send(self.0.as_fd(), &message.finish(0))?;
        let mut buf = vec![0; 64 * 1024];
        loop {
            let len = raw::receive(self.0.as_fd(), &mut buf, libc::MSG_DONTWAIT)?;
            for (kind, body) in messages(&buf[..len]) {
                match i32::from(kind) {
                    libc::NLMSG_DONE => return Ok(()),
                    libc::NLMSG_ERROR => return error_of(body),
                    _ => visit(body),
                }
            }
        }
    }
}

fn error_of(body: &[u8]) -> io::Result<()> {
    match body.first_chunk().map(|code| i32::from_ne_bytes(*code)) {
        Some(0) => Ok(()),
        Some(code) => Err(io::Error::from_raw_os_error(-code)),
        None => Err(io::Error::new(io::ErrorKind::InvalidData, "malformed netlink answer")),
    }
}

/// Iterates over the messages of a datagram: kind and body.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let len = u32::from_ne_bytes(*bytes.first_chunk()?) as usize;
        let kind = u16::from_ne_bytes(*bytes.get(4..)?.first_chunk()?);
        let body = bytes.get(HEADER_LEN..len)?;
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, body))
    })
}

/// Iterates over attributes: kind and value.
pub(super) fn attrs(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let len = usize::from(u16::from_ne_bytes(*bytes.first_chunk()?));
        let kind = u16::from_ne_bytes(*bytes.get(2..)?.first_chunk()?) & !NESTED;
        let value = bytes.get(4..len)?;
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

#[cfg(test)]
mod tests {
    use super::{Message, attrs, messages};

    #[test]
    fn attributes_are_padded_and_nest() {
        let message = Message::new(7, 0, &[1, 2, 3, 4])
            .attr_str(1, "ab")
            .nested(2, |message| message.attr_be32(3, 5).attr(4, &[6]));
        let bytes = message.finish(9);
        let (kind, body) = messages(&bytes).next().unwrap();
        assert_eq!((kind, body.len()), (7, bytes.len() - 16));
        let found: Vec<_> = attrs(&body[4..]).collect();
        assert_eq!(found[0], (1, &b"ab\0"[..]));
        assert_eq!(found[1].0, 2);
        let inner: Vec<_> = attrs(found[1].1).collect();
        assert_eq!(inner, [(3, &[0, 0, 0, 5][..]), (4, &[6][..])]);
    }

    #[test]
    fn what_is_cut_ends_the_iteration() {
        let bytes = Message::new(7, 0, &[0; 4]).attr(1, &[2; 9]).finish(0);
        for len in 0..bytes.len() {
            assert_eq!(messages(&bytes[..len]).count(), 0);
        }
        assert_eq!(attrs(&[0, 0, 0, 0]).count(), 0);
        assert_eq!(attrs(&[255, 255, 0]).count(), 0);
    }
}
