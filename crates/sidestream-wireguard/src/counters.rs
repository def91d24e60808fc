//! What goes on, for whoever asks from outside: peers, bytes, and what was dropped.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::key::PublicKey;

/// Why a datagram or a packet was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Drop {
    /// A packet for the proxy's own loopback, or for no host at all.
    Destination,
    /// A datagram that does not belong to what its session's keys protect.
    Forged,
    /// A handshake that proves nothing.
    Handshake,
    /// A handshake message that was not made for this end (`mac1`).
    Mac,
    /// A datagram that is none of WireGuard's.
    Malformed,
    /// A packet for a peer that nobody knows the place of.
    NoEndpoint,
    /// A packet that belongs to no peer.
    NoRoute,
    /// A datagram of a session that is not there.
    NoSession,
    /// What a peer sent, and authenticated, is no IP packet.
    NotIp,
    /// More waits for a session than is kept.
    Queue,
    /// A handshake, while there are too many, from where many came.
    RateLimited,
    /// A datagram or handshake that was there before.
    Replay,
    /// The system did not take a datagram.
    Send,
    /// A packet that is not from an address of its peer.
    Source,
    /// A packet longer than the tunnel's.
    TooLong,
    /// A handshake of somebody who is no peer.
    UnknownPeer,
}

impl Drop {
    /// Every reason.
    pub const ALL: [Self; 16] = [
        Self::Destination,
        Self::Forged,
        Self::Handshake,
        Self::Mac,
        Self::Malformed,
        Self::NoEndpoint,
        Self::NoRoute,
        Self::NoSession,
        Self::NotIp,
        Self::Queue,
        Self::RateLimited,
        Self::Replay,
        Self::Send,
        Self::Source,
        Self::TooLong,
        Self::UnknownPeer,
    ];

    /// Returns its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Destination => "destination",
            Self::Forged => "forged",
            Self::Handshake => "handshake",
            Self::Mac => "mac",
            Self::Malformed => "malformed",
            Self::NoEndpoint => "no-endpoint",
            Self::NoRoute => "no-route",
            Self::NoSession => "no-session",
            Self::NotIp => "not-ip",
            Self::Queue => "queue",
            Self::RateLimited => "rate-limited",
            Self::Replay => "replay",
            Self::Send => "send",
            Self::Source => "source",
            Self::TooLong => "too-long",
            Self::UnknownPeer => "unknown-peer",
        }
    }
}

/// Tells of a server at work; clones tell the same, also after its end.
#[derive(Clone, Debug)]
pub struct Handle(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    drops: [AtomicU64; Drop::ALL.len()],
    cookies: AtomicU64,
    peers: Vec<PeerCounts>,
}

#[derive(Debug)]
struct PeerCounts {
    public_key: PublicKey,
    received: AtomicU64,
    sent: AtomicU64,
    /// In milliseconds since 1970; 0 if there was none.
    handshake: AtomicU64,
    endpoint: Mutex<Option<SocketAddr>>,
}

/// What is known of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerStatus {
    /// Who it is.
    pub public_key: PublicKey,
    /// Where it was last heard, or is said to be.
    pub endpoint: Option<SocketAddr>,
    /// When it last shook hands.
    pub last_handshake: Option<SystemTime>,
    /// How many bytes came from it, in datagrams that were authenticated.
    pub received: u64,
    /// How many bytes were sent to it.
    pub sent: u64,
}

impl Handle {
    pub(crate) fn new(peers: impl Iterator<Item = PublicKey>) -> Self {
        let peers = peers.map(|public_key| PeerCounts {
            public_key,
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            handshake: AtomicU64::new(0),
            endpoint: Mutex::new(None),
        });
        let (drops, cookies) = (Default::default(), AtomicU64::new(0));
        Self(Arc::new(Counts { drops, cookies, peers: peers.collect() }))
    }

    /// Returns how much was dropped for a reason.
    pub fn dropped(&self, reason: Drop) -> u64 {
        self.0.drops[reason as usize].load(Ordering::Relaxed)
    }

    /// Returns how many handshakes were put off, by a cookie, to when their sender has shown to be
    /// where it says.
    pub fn cookies(&self) -> u64 {
        self.0.cookies.load(Ordering::Relaxed)
    }

    /// Returns what is known of the peers, in the order of the configuration.
    pub fn peers(&self) -> Vec<PeerStatus> {
        self.0.peers.iter().map(PeerCounts::status).collect()
    }

    pub(crate) fn count(&self, reason: Drop) {
        self.0.drops[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_cookie(&self) {
        self.0.cookies.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn received(&self, peer: u32, len: usize) {
        self.0.peers[peer as usize].received.fetch_add(len as u64, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, peer: u32, len: usize) {
        self.0.peers[peer as usize].sent.fetch_add(len as u64, Ordering::Relaxed);
    }

    pub(crate) fn shook_hands(&self, peer: u32) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        self.0.peers[peer as usize].handshake.store(millis, Ordering::Relaxed);
    }

    pub(crate) fn moved(&self, peer: u32, endpoint: SocketAddr) {
        let place = &self.0.peers[peer as usize].endpoint;
        *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(endpoint);
    }
}

impl PeerCounts {
    fn status(&self) -> PeerStatus {
        let handshake = self.handshake.load(Ordering::Relaxed);
        PeerStatus {
            public_key: self.public_key,
            endpoint: *self.endpoint.lock().unwrap_or_else(PoisonError::into_inner),
            last_handshake: (handshake > 0).then(|| UNIX_EPOCH + Duration::from_millis(handshake)),
            received: self.received.load(Ordering::Relaxed),
            sent: self.sent.load(Ordering::Relaxed),
        }
    }
}
