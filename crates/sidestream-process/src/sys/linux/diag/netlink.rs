//! The socket that questions go through, and the messages that come back (netlink(7)).

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::wire::Answer;

const HEADER_LEN: usize = 16;

/// A socket to the kernel.
#[derive(Debug)]
pub(super) struct Netlink(OwnedFd);

impl From<OwnedFd> for Netlink {
    fn from(socket: OwnedFd) -> Self {
        Self(socket)
    }
}

impl Netlink {
    pub(super) fn open() -> io::Result<Self> {
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
        // SAFETY: the call takes no pointers.
        let fd = unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_SOCK_DIAG) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just made and belongs to nobody else.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Takes answers until the kernel says that there are no more.
    pub(super) fn collect(&self, mut take: impl FnMut(Answer)) -> io::Result<()> {
        let mut buf = [0; 32 * 1024];
        loop {
            let len = self.receive(&mut buf)?;
            for message in Messages::new(&buf[..len]) {
                if i32::from(message.kind) == libc::NLMSG_DONE {
                    return Ok(());
                }
                take(Answer::parse(&message)?);
            }
        }
    }

    /// Takes the answer to what was to be done.
    pub(super) fn acknowledged(&self) -> io::Result<()> {
        let mut buf = [0; 1024];
        let len = self.receive(&mut buf)?;
        let message = Messages::new(&buf[..len]).next().ok_or_else(malformed)?;
        message.error().map_or(Ok(()), Err)
    }

    pub(super) fn send(&self, request: &[u8]) -> io::Result<()> {
        let fd = self.0.as_raw_fd();
        // SAFETY: the pointer and the length are of a live slice.
        let sent = unsafe { libc::send(fd, request.as_ptr().cast(), request.len(), 0) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Takes what the kernel has answered already, within the call that asked.
    pub(super) fn receive(&self, buf: &mut [u8]) -> io::Result<usize> {
        let fd = self.0.as_raw_fd();
        // SAFETY: the pointer and the length are of a live slice.
        let len = unsafe { libc::recv(fd, buf.as_mut_ptr().cast(), buf.len(), libc::MSG_DONTWAIT) };
        usize::try_from(len).map_err(|_negative| io::Error::last_os_error())
    }
}

/// A message, without its header.
pub(super) struct Message<'a> {
    kind: u16,
    pub(super) body: &'a [u8],
}

impl Message<'_> {
    /// Returns the error that the message is, if it is one.
    pub(super) fn error(&self) -> Option<io::Error> {
        if i32::from(self.kind) != libc::NLMSG_ERROR {
            return None;
        }
        match self.body.first_chunk().map(|code| i32::from_ne_bytes(*code)) {
            Some(0) => None,
            Some(code) => Some(io::Error::from_raw_os_error(code.saturating_neg())),
            None => Some(malformed()),
        }
    }
}

/// The messages of one datagram; a malformed one ends them.
pub(super) struct Messages<'a>(&'a [u8]);

impl<'a> Messages<'a> {
    pub(super) fn new(datagram: &'a [u8]) -> Self {
        Self(datagram)
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        let len = u32::from_ne_bytes(*self.0.first_chunk()?) as usize;
        let kind = u16::from_ne_bytes(*self.0.get(4..)?.first_chunk()?);
        let body = self.0.get(HEADER_LEN..len)?;
        self.0 = self.0.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some(Message { kind, body })
    }
}

pub(super) fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "malformed sock_diag answer")
}
