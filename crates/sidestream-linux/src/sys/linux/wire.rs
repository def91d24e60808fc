//! What the keeper and its caller say to each other, over two sockets that keep messages whole.

use std::io;
use std::os::fd::BorrowedFd;

use super::raw;

/// What the caller asks on the control socket. Its end (EOF) is an `End`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// Run the command.
    Start,
    /// Send that signal to the command.
    Signal(i32),
    /// End all that still runs.
    End,
}

/// What the keeper reports on the control socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// The namespaces are there; three netlink sockets come with it.
    Ready,
    /// The namespaces cannot be made: at which step, with which error, on which overlay.
    Failed(Step, i32, i32),
    /// The command is under a filter; its listener comes with it.
    Listening,
    /// The command runs, with that pid.
    Started(i32),
    /// The command cannot be run, with that error.
    NotStarted(i32),
    /// The command has ended, with that wait status.
    Exited(i32),
    /// No process is left.
    Gone,
}

/// Where making the namespaces failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    User,
    Network,
    Mount,
    Tmpfs,
    Overlay,
    Netlink,
    Filter,
}

const STEPS: [Step; 7] = [
    Step::User,
    Step::Network,
    Step::Mount,
    Step::Tmpfs,
    Step::Overlay,
    Step::Netlink,
    Step::Filter,
];

/// What the service socket is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum SocketKind {
    Tcp4,
    Tcp6,
    Udp4,
    Udp6,
}

pub(super) const SOCKET_KINDS: [SocketKind; 4] =
    [SocketKind::Tcp4, SocketKind::Tcp6, SocketKind::Udp4, SocketKind::Udp6];

fn encode(words: [i32; 4]) -> [u8; 16] {
    let mut bytes = [0; 16];
    for (into, word) in bytes.chunks_exact_mut(4).zip(words) {
        into.copy_from_slice(&word.to_ne_bytes());
    }
    bytes
}

fn decode(bytes: &[u8]) -> Option<[i32; 4]> {
    let mut words = [0; 4];
    let bytes: &[u8; 16] = bytes.try_into().ok()?;
    for (word, from) in words.iter_mut().zip(bytes.chunks_exact(4)) {
        *word = i32::from_ne_bytes(from.try_into().ok()?);
    }
    Some(words)
}

impl Request {
    pub(super) fn send(self, to: BorrowedFd<'_>) -> io::Result<()> {
        let words = match self {
            Self::Start => [1, 0, 0, 0],
            Self::Signal(signal) => [2, signal, 0, 0],
            Self::End => [3, 0, 0, 0],
        };
        raw::send(to, &encode(words))
    }

    /// Receives a request; the end of the caller is `End`.
    pub(super) fn receive(from: BorrowedFd<'_>) -> Self {
        let mut buf = [0; 16];
        let len = raw::receive(from, &mut buf, 0).unwrap_or(0);
        match decode(buf.get(..len).unwrap_or_default()) {
            Some([1, ..]) => Self::Start,
            Some([2, signal, ..]) => Self::Signal(signal),
            _ => Self::End,
        }
    }
}

impl Report {
    pub(super) fn encode(self) -> [u8; 16] {
        encode(match self {
            Self::Ready => [1, 0, 0, 0],
            Self::Failed(step, errno, overlay) => [2, step as i32, errno, overlay],
            Self::Started(pid) => [3, pid, 0, 0],
            Self::NotStarted(errno) => [4, errno, 0, 0],
            Self::Exited(status) => [5, status, 0, 0],
            Self::Gone => [6, 0, 0, 0],
            Self::Listening => [7, 0, 0, 0],
        })
    }

    /// Decodes a report; anything else, and the end of the keeper, is `None`.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        Some(match decode(bytes)? {
            [1, ..] => Self::Ready,
            [2, step, errno, overlay] => {
                Self::Failed(*STEPS.get(usize::try_from(step).ok()?)?, errno, overlay)
            }
            [3, pid, ..] => Self::Started(pid),
            [4, errno, ..] => Self::NotStarted(errno),
            [5, status, ..] => Self::Exited(status),
            [6, ..] => Self::Gone,
            [7, ..] => Self::Listening,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Report, Step};

    #[test]
    fn every_report_survives_the_way() {
        for report in [
            Report::Ready,
            Report::Failed(Step::Overlay, libc::ENOENT, 3),
            Report::Failed(Step::Netlink, libc::EPERM, 0),
            Report::Failed(Step::Filter, libc::EPERM, 0),
            Report::Listening,
            Report::Started(7),
            Report::NotStarted(libc::EACCES),
            Report::Exited(256),
            Report::Gone,
        ] {
            assert_eq!(Report::decode(&report.encode()), Some(report));
        }
        assert_eq!(Report::decode(&[]), None);
        assert_eq!(Report::decode(&[9; 16]), None);
    }
}
