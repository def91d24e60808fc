//! Many peers' tunnels as one machine, without sockets: datagrams on one side, packets on the
//! other.

mod incoming;
mod load;
mod outgoing;
mod peer;
mod timers;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use boringtun::noise::Tunn;
use boringtun::noise::rate_limiter::RateLimiter;
use boringtun::x25519;

pub use self::outgoing::PeerId;
pub use self::peer::Path;

use self::load::{Load, UNPROVEN_A_SECOND};
use self::peer::Peer;
use crate::config::Config;
use crate::counters::{Drop, Handle};
use crate::key::{GenerateKeyError, PrivateKey};
use crate::routes::Routes;

/// The longest datagram, and so the longest of anything.
const MAX_DATAGRAM: usize = 65_535;
/// How many bytes a packet gains on its way into a datagram.
pub(crate) const OVERHEAD: usize = 32;
/// How many packets wait for a session with one peer.
const MAX_QUEUED: usize = 16;
/// How many messages that the machine makes by itself may wait to be fetched.
const MAX_REPLIES: usize = 1024;

/// Many peers' tunnels as one machine, without sockets.
///
/// What comes from the network is handed to [`handle_datagram`](Self::handle_datagram), what goes
/// there is made by [`seal`](Self::seal). After either, and after
/// [`handle_timeout`](Self::handle_timeout), [`poll_reply`](Self::poll_reply) is asked until it has
/// nothing more to send.
pub struct Hub {
    key: PrivateKey,
    public: x25519::PublicKey,
    peers: Vec<Peer>,
    by_key: HashMap<[u8; 32], u32>,
    routes: Routes,
    /// Peers have numbers on the wire that do not tell how many there are.
    mask: u32,
    limiter: RateLimiter,
    /// For the peers' own look at what was let through already.
    no_limiter: Arc<RateLimiter>,
    load: Load,
    timers: BTreeSet<(Instant, u32)>,
    replies: VecDeque<Reply>,
    scratch: Box<[u8]>,
    handle: Handle,
}

/// A message that the machine makes by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Where it goes.
    pub path: Path,
    /// The datagram.
    pub datagram: Vec<u8>,
}

impl Hub {
    /// Makes one for the peers of a configuration; `locate` finds where those are reached whose
    /// endpoint is given.
    ///
    /// # Errors
    ///
    /// The system gives no randomness.
    pub fn new(
        config: Config,
        now: Instant,
        mut locate: impl FnMut(&crate::config::Endpoint) -> Option<Path>,
    ) -> Result<Self, GenerateKeyError> {
        let Config { interface, peers } = config;
        let handle = Handle::new(peers.iter().map(|peer| peer.public_key));
        let key = interface.private_key;
        let public = x25519::PublicKey::from(key.secret());
        let mut hub = Self {
            public,
            peers: Vec::with_capacity(peers.len()),
            by_key: HashMap::with_capacity(peers.len()),
            routes: Routes::default(),
            mask: mask()?,
            limiter: RateLimiter::new(&public, UNPROVEN_A_SECOND),
            no_limiter: Arc::new(RateLimiter::new(&public, u64::MAX)),
            load: Load::new(now),
            timers: BTreeSet::new(),
            replies: VecDeque::new(),
            scratch: vec![0; MAX_DATAGRAM].into(),
            handle,
            key,
        };
        for (peer, id) in peers.into_iter().zip(0..) {
            for prefix in &peer.allowed_ips {
                hub.routes.insert(*prefix, id);
            }
            hub.by_key.insert(*peer.public_key.as_bytes(), id);
            let path = peer.endpoint.as_ref().and_then(&mut locate);
            if let Some(path) = path {
                hub.handle.moved(id, path.remote);
            }
            let speaks_first = path.is_some() && peer.persistent_keepalive.is_some();
            hub.peers.push(Peer::new(peer, path));
            if speaks_first {
                hub.schedule(id, now);
            }
        }
        Ok(hub)
    }

    /// Returns what tells of the peers and of what was dropped.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Takes the next message that is to be sent.
    pub fn poll_reply(&mut self) -> Option<Reply> {
        self.replies.pop_front()
    }

    fn reply(&mut self, path: Path, datagram: &[u8]) {
        if self.replies.len() >= MAX_REPLIES {
            self.handle.count(Drop::Queue);
            return;
        }
        self.replies.push_back(Reply { path, datagram: datagram.to_vec() });
    }

    /// Sends a message that a peer's own state made and that lies in the scratch.
    fn reply_to_peer(&mut self, id: u32, len: usize) {
        let Some(path) = self.peers[id as usize].path else { return };
        self.handle.sent(id, len);
        let datagram = self.scratch[..len].to_vec();
        self.reply(path, &datagram);
    }

    /// Returns a peer's handshakes and keys, which are made when they are first needed: that costs
    /// a computation on curves.
    fn tunn(&mut self, id: u32) -> &mut Tunn {
        let Self { peers, key, mask, no_limiter, .. } = self;
        let peer = &mut peers[id as usize];
        peer.tunn.get_or_insert_with(|| {
            Box::new(Tunn::new(
                key.secret().clone(),
                x25519::PublicKey::from(*peer.config.public_key.as_bytes()),
                peer.config.preshared_key.as_ref().map(|key| key.bytes()),
                peer.config.persistent_keepalive.map(Into::into),
                id ^ *mask,
                Some(Arc::clone(no_limiter)),
            ))
        })
    }

    /// Finds whose a session is, by its number on the wire.
    fn peer_of_session(&self, receiver: u32) -> Option<u32> {
        let id = (receiver >> 8) ^ self.mask;
        self.peers.get(id as usize)?.tunn.as_ref().map(|_| id)
    }

    /// Takes note of where a peer was heard.
    fn heard(&mut self, id: u32, path: &Path, len: usize) {
        self.handle.received(id, len);
        let peer = &mut self.peers[id as usize];
        if peer.path != Some(*path) {
            let has_moved = peer.path.is_none_or(|old| old.remote != path.remote);
            peer.path = Some(*path);
            if has_moved {
                self.handle.moved(id, path.remote);
            }
        }
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("peers", &self.peers.len()).finish_non_exhaustive()
    }
}

/// Makes 24 bits that nobody can know.
fn mask() -> Result<u32, GenerateKeyError> {
    let bytes = PrivateKey::generate()?.secret().to_bytes();
    Ok(u32::from_le_bytes([bytes[8], bytes[9], bytes[10], 0]))
}
