//! What is known of one peer.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use boringtun::noise::Tunn;

use crate::config;

/// How often a peer that is at work is looked after.
pub(super) const TICK: Duration = Duration::from_millis(250);
/// How often one that is silent is, as long as it has keys.
pub(super) const SLOW_TICK: Duration = Duration::from_secs(1);

/// From where datagrams come, and by what way others go there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    /// Which of our sockets it is.
    pub socket: usize,
    /// Who is at the other end.
    pub remote: SocketAddr,
    /// Which of our addresses that one knows, where the system tells.
    pub local: Option<IpAddr>,
}

/// One peer: little as long as it has not been heard of.
pub(super) struct Peer {
    pub(super) config: config::Peer,
    /// Its handshakes and keys, some 11 KB.
    pub(super) tunn: Option<Box<Tunn>>,
    pub(super) path: Option<Path>,
    /// When it was last looked after, and when it will be.
    pub(super) ticked: Option<Instant>,
    pub(super) due: Option<Instant>,
    /// Whether something was sent or came since then.
    pub(super) is_busy: bool,
    /// How many packets wait for a session.
    pub(super) queued: usize,
}

impl Peer {
    pub(super) fn new(config: config::Peer, path: Option<Path>) -> Self {
        Self { config, tunn: None, path, ticked: None, due: None, is_busy: false, queued: 0 }
    }
}
