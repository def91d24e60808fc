//! What the user of whole-machine capture should be told.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use sidestream_flow::Process;
use tokio::sync::mpsc;

/// Something that the user should be told; each reason once a process.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LocalNotice {
    /// The kernel told of more than could be taken, so some processes are known late.
    EventsLost {
        /// Of how many events.
        count: u64,
    },
    /// Only processes of the user are captured, as nobody with more rights agreed to more.
    OwnProcesses,
    /// Connections went directly to their servers although their process may be chosen.
    Passed {
        /// Why.
        why: Passed,
        /// The process, where one was seen.
        process: Option<Arc<Process>>,
        /// Where one of them went.
        destination: Option<SocketAddr>,
        /// How many, when it was noticed.
        count: u64,
    },
    /// Connections that were open before were ended, so that they are made anew.
    Reset {
        /// How many.
        count: u64,
    },
    /// Connections that were open before could not be ended, and stay unseen.
    ResetFailed {
        /// How many.
        count: u64,
    },
    /// Captured connections were ended, as it was not known where they go.
    Unclaimed {
        /// How many.
        count: u64,
    },
}

/// Why connections are not captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Passed {
    /// Their sockets are bound to a device, or to a VRF.
    BoundDevice,
    /// They were made in a network namespace in which nobody listens for us.
    ForeignNamespace,
    /// More connections are open than can be kept track of.
    Full,
    /// Their sockets have a mark.
    Marked,
    /// Their process is another user's.
    OtherUser,
    /// The proxy gave no sign of life.
    Stale,
}

impl Passed {
    const fn words(self) -> &'static str {
        match self {
            Self::BoundDevice => "uses a socket bound to a device",
            Self::ForeignNamespace => "is in another network namespace",
            Self::Full => "connects while there is no room to remember where to",
            Self::Marked => "uses a socket with a mark",
            Self::OtherUser => "belongs to another user",
            Self::Stale => "connected while this proxy was too busy",
        }
    }
}

impl fmt::Display for LocalNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EventsLost { count } => write!(
                f,
                "the kernel told of {} more than could be taken, some processes are known late",
                Count(*count, "event")
            ),
            Self::OwnProcesses => f.write_str(
                "only your own processes are captured, start with sudo to capture all users'",
            ),
            Self::Passed { why, process, destination, count } => {
                f.write_str("passed: ")?;
                match process {
                    // The kernel's number of a process that is none in this namespace.
                    Some(process) if process.pid.cast_signed() < 0 => {
                        write!(f, "{} (outside of this pid namespace)", process.name)?;
                    }
                    Some(process) => write!(f, "{} (pid {})", process.name, process.pid)?,
                    None => f.write_str("a program")?,
                }
                write!(f, " {}", why.words())?;
                if let Some(destination) = destination {
                    write!(f, ", to {destination}")?;
                }
                if *count > 1 { write!(f, " ({count} times)") } else { Ok(()) }
            }
            Self::Reset { count } => {
                write!(f, "{} reset, to be made anew", Count(*count, "open connection"))
            }
            Self::ResetFailed { count } => {
                write!(
                    f,
                    "{} could not be reset, unseen until closed",
                    Count(*count, "open connection")
                )
            }
            Self::Unclaimed { count } => {
                write!(
                    f,
                    "{} ended, as nobody knows where to",
                    Count(*count, "captured connection")
                )
            }
        }
    }
}

/// A number of things.
struct Count(u64, &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(count, thing) = self;
        write!(f, "{count} {thing}{}", if *count == 1 { "" } else { "s" })
    }
}

/// The notices of whole-machine capture, as they come.
#[derive(Debug)]
pub struct LocalNotices(pub(crate) mpsc::UnboundedReceiver<LocalNotice>);

impl LocalNotices {
    /// Polls for the next notice; `None` means that no more will come.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost between two calls.
    pub fn poll_notice(&mut self, cx: &mut Context<'_>) -> Poll<Option<LocalNotice>> {
        self.0.poll_recv(cx)
    }

    /// Waits for the next notice; `None` means that no more will come.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<LocalNotice> {
        self.0.recv().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pid: u32, expected: &str) {
        let process = Process { pid, name: "curl".to_owned(), ..Process::default() };
        let process = Some(Arc::new(process));
        let why = Passed::ForeignNamespace;
        let notice = LocalNotice::Passed { why, process, destination: None, count: 1 };
        assert_eq!(notice.to_string(), expected);
    }

    #[test]
    fn a_process_without_a_number_here_is_told_without_one() {
        check(4711, "passed: curl (pid 4711) is in another network namespace");
        check(
            0x8000_1234,
            "passed: curl (outside of this pid namespace) is in another network namespace",
        );
    }
}
