//! A small encoder and decoder of netlink (RFC 3549), as far as a device needs it.

use std::io;
use std::os::fd::OwnedFd;

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
};

const HEADER_LEN: usize = 16;
const NESTED: u16 = 1 << 15;
/// The kernel fills no datagram further than this.
const ANSWER_LEN: usize = 64 * 1024;

/// One message under construction.
#[derive(Clone, Debug)]
pub(super) struct Message(Vec<u8>);

impl Message {
    /// Begins a message of that kind whose fixed part is `body`.
    pub(super) fn new(kind: u16, flags: i32, body: &[u8]) -> Self {
        let flags = flags as u16 | libc::NLM_F_REQUEST as u16;
        let mut bytes = vec![0; HEADER_LEN];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
        bytes.extend(body);
        Self(bytes).aligned()
    }

    /// Adds an attribute.
    pub(super) fn attr(mut self, kind: u16, value: &[u8]) -> Self {
        self.0.extend((value.len() as u16 + 4).to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.aligned()
    }

    /// Adds an attribute that holds attributes.
    pub(super) fn nested(mut self, kind: u16, fill: impl FnOnce(Self) -> Self) -> Self {
        let start = self.0.len();
        self = fill(self.attr(kind | NESTED, &[]));
        let len = (self.0.len() - start) as u16;
        self.0[start..start + 2].copy_from_slice(&len.to_ne_bytes());
        self
    }

    fn aligned(mut self) -> Self {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    fn finish(mut self) -> Vec<u8> {
        let len = self.0.len() as u32;
        self.0[..4].copy_from_slice(&len.to_ne_bytes());
        self.0
    }
}

/// A socket to the routing part of the kernel.
#[derive(Debug)]
pub(super) struct Netlink(OwnedFd);

impl Netlink {
    /// Makes a socket in the network namespace of the calling thread.
    pub(super) fn open() -> io::Result<Self> {
        let (kind, flags) = (SocketType::RAW, SocketFlags::CLOEXEC);
        // Routing is the protocol that has no number of its own.
        let socket = socket_with(AddressFamily::NETLINK, kind, flags, None)?;
        Ok(Self(socket))
    }

    /// Sends a message, and waits until it has been obeyed or refused.
    pub(super) fn request(&self, mut message: Message) -> io::Result<()> {
        message.0[6] |= libc::NLM_F_ACK as u8;
        self.ask(message, &mut |_body| ())
    }

    /// Sends a question and calls `visit` with the body of each answer.
    ///
    /// Each question ends with a word of its own, be it that there was no error.
    pub(super) fn ask(&self, message: Message, visit: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        send(&self.0, &message.finish(), SendFlags::empty())?;
        let mut buf = vec![0; ANSWER_LEN];
        loop {
            // The kernel has answered before the question returned.
            let (_, len) = recv(&self.0, &mut buf[..], RecvFlags::DONTWAIT)?;
            for (kind, body) in messages(&buf[..len.min(ANSWER_LEN)]) {
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
        Some(code) => Err(io::Error::from_raw_os_error(code.saturating_neg())),
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
fn attrs(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let len = usize::from(u16::from_ne_bytes(*bytes.first_chunk()?));
        let kind = u16::from_ne_bytes(*bytes.get(2..)?.first_chunk()?) & !NESTED;
        let value = bytes.get(4..len)?;
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// Returns the first attribute of that kind.
pub(super) fn attr(bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    attrs(bytes).find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::{HEADER_LEN, Message, attr, attrs, messages};

    #[test]
    fn attributes_are_padded_and_nest() {
        let message = Message::new(7, 0, &[1, 2, 3, 4])
            .attr(1, b"ab\0")
            .nested(2, |message| message.attr(3, &[5; 4]).attr(4, &[6]));
        let bytes = message.finish();
        let (kind, body) = messages(&bytes).next().unwrap();
        assert_eq!((kind, body.len()), (7, bytes.len() - HEADER_LEN));
        assert_eq!(attr(&body[4..], 1), Some(&b"ab\0"[..]));
        let inner: Vec<_> = attrs(attr(&body[4..], 2).unwrap()).collect();
        assert_eq!(inner, [(3, &[5; 4][..]), (4, &[6][..])]);
    }

    #[test]
    fn what_is_cut_ends_the_iteration() {
        let bytes = Message::new(7, 0, &[0; 4]).attr(1, &[2; 9]).finish();
        for len in 0..bytes.len() {
            assert_eq!(messages(&bytes[..len]).count(), 0);
        }
        assert_eq!(attrs(&[0, 0, 0, 0]).count(), 0);
        assert_eq!(attrs(&[255, 255, 0]).count(), 0);
    }
}
