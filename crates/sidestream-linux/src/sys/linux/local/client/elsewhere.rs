//! Sockets in other network namespaces, which the helper makes for this process.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sidestream_flow::Transport;
use sidestream_ipc::OpenSocket;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::writer::Outbox;

/// How long the helper has for an answer. It may wait behind flows that nobody takes, as they wait
/// for this.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks the helper for sockets.
#[derive(Debug)]
pub(in super::super) struct Elsewhere {
    outbox: Outbox,
    asked: Mutex<Asked>,
}

#[derive(Debug, Default)]
struct Asked {
    last: u64,
    /// The capture is over, and no answer will come.
    over: bool,
    waiting: HashMap<u64, oneshot::Sender<io::Result<OwnedFd>>>,
}

impl Elsewhere {
    pub(super) fn new(outbox: Outbox) -> Self {
        Self { outbox, asked: Mutex::default() }
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a socket in the network namespace with that number, which is not connected and does
    /// not wait.
    ///
    /// # Errors
    ///
    /// The namespace has gone, or the helper has.
    ///
    /// # Cancel safety
    ///
    /// A socket that was asked for is closed if the future is dropped.
    pub(in super::super) async fn open(
        &self,
        net: u32,
        transport: Transport,
        ipv6: bool,
    ) -> io::Result<OwnedFd> {
        let (answer, answered) = oneshot::channel();
        let serial = {
            let mut asked = self.asked();
            asked.last += 1;
            let serial = asked.last;
            if !asked.over {
                asked.waiting.insert(serial, answer);
            }
            serial
        };
        self.outbox.send(OpenSocket { serial, net, transport, ipv6 }.into());
        match timeout(PATIENCE, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_over)) => Err(io::Error::other(
                "the capture is over, and with it the way into the network namespace of the program",
            )),
            Err(_elapsed) => {
                self.asked().waiting.remove(&serial);
                Err(io::ErrorKind::TimedOut.into())
            }
        }
    }

    /// Takes the helper's answer.
    pub(super) fn answer(&self, serial: u64, error: Option<i32>, socket: Option<OwnedFd>) {
        let Some(waiting) = self.asked().waiting.remove(&serial) else { return };
        let answer = match (error, socket) {
            (Some(libc::ENONET), _) => {
                Err(io::Error::other("the network namespace of the program has gone"))
            }
            (Some(error), _) => Err(io::Error::from_raw_os_error(error)),
            (None, Some(socket)) => Ok(socket),
            (None, None) => Err(io::Error::from_raw_os_error(libc::EMFILE)),
        };
        // Whoever asked may not want it any more.
        _ = waiting.send(answer);
    }

    /// Answers everybody that the capture is over.
    pub(super) fn end(&self) {
        let mut asked = self.asked();
        asked.over = true;
        asked.waiting.clear();
    }
}
