//! The helper's end of the connection to the proxy.

use std::os::unix::net::UnixStream;
use std::path::Path;

use super::super::channel::Peer;
use crate::ConnectError;

/// A connection to the proxy of a user.
#[derive(Debug)]
pub struct Rendezvous(UnixStream);

impl Rendezvous {
    /// Connects to the socket on which a proxy waits, and makes sure that it is the user's.
    ///
    /// Whoever puts another socket or a link in its place can at most offer a proxy that is the
    /// user's as well.
    ///
    /// # Errors
    ///
    /// Nobody waits there, or another user does.
    pub fn connect(path: &Path, uid: u32) -> Result<Self, ConnectError> {
        let path = path.to_owned();
        let stream = match UnixStream::connect(&path) {
            Ok(stream) => stream,
            Err(source) => return Err(ConnectError::Connect { path, source }),
        };
        match Peer::of(&stream) {
            Ok(peer) if peer.uid == uid => Ok(Self(stream)),
            Ok(peer) => Err(ConnectError::Foreign { path, uid, found: peer.uid }),
            Err(source) => Err(ConnectError::Connect { path, source }),
        }
    }

    pub(crate) fn into_stream(self) -> UnixStream {
        self.0
    }
}

/// Takes over one end of a pair, whose other end is known to be in good hands.
impl From<UnixStream> for Rendezvous {
    fn from(stream: UnixStream) -> Self {
        Self(stream)
    }
}
