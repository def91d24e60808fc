//! What a stack is told when it is made.

use std::time::Duration;

/// The limits and habits of a [`Netstack`](crate::Netstack).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The longest packet that the device carries, without segmentation; 1500 by default.
    pub mtu: usize,
    /// Whether the device takes TCP packets of up to 65,535 bytes and cuts them into segments;
    /// it needs `checksums`. Off by default.
    pub segmentation: bool,
    /// Whether the device, or whoever receives, writes checksums of TCP and UDP; off by default.
    pub checksums: bool,
    /// Whether sending begins slowly and slows down when packets are lost (CUBIC); off by default,
    /// when the client's window and the buffer are the only limit.
    ///
    /// Where the way to the client is a network that others share, as for a phone over WireGuard,
    /// it should be on: without it a link that is too narrow is filled two or three times over.
    ///
    /// Where the clients are programs of this machine, behind a TUN device, nothing is shared and
    /// what gets lost was not lost by congestion: it would only slow them down.
    pub congestion_control: bool,

    /// The size of each of a stream's two buffers when it begins; 32 KiB by default.
    pub initial_buffer: usize,
    /// The size to which each of them grows with use; 1 MiB by default. It is also the most that
    /// a client may have under way.
    pub max_buffer: usize,
    /// How long a stream is silent before its buffers are given back; 1 s by default.
    pub rest_after: Duration,

    /// How many connections may wait for an answer before the oldest is dropped; 1,024 by default.
    pub max_waiting: usize,
    /// How many streams there may be, those that wait included; 65,536 by default.
    pub max_streams: usize,
    /// How long an accepted client has to complete its handshake; 30 s by default.
    pub handshake_timeout: Duration,
    /// How long a silent client is left alone before it is asked whether it is still there; 5
    /// minutes by default.
    pub keep_alive: Duration,
    /// How long a client may leave questions and data unanswered; 15 minutes by default.
    pub timeout: Duration,
    /// How long an ended stream answers a client that missed the last acknowledgment; 5 s by
    /// default. A client that uses its port again need not wait for it.
    pub time_wait: Duration,

    /// How long a UDP association lives without a datagram; 2 minutes by default.
    pub udp_timeout: Duration,
    /// How many UDP associations there may be before the one longest silent ends; 16,384 by
    /// default.
    pub max_associations: usize,
    /// How many datagrams of one association may wait to be taken; 256 by default.
    pub max_datagrams: usize,

    /// Whether ICMP echo requests are asked about, or refused; on by default.
    pub echo: bool,
    /// How long an echo request waits for its answer; 10 s by default.
    pub echo_timeout: Duration,
    /// How many echo requests may wait before the oldest is dropped; 256 by default.
    pub max_echoes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mtu: 1500,
            segmentation: false,
            checksums: false,
            congestion_control: false,
            initial_buffer: 32 << 10,
            max_buffer: 1 << 20,
            rest_after: Duration::from_secs(1),
            max_waiting: 1 << 10,
            max_streams: 1 << 16,
            handshake_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(5 * 60),
            timeout: Duration::from_secs(15 * 60),
            time_wait: Duration::from_secs(5),
            udp_timeout: Duration::from_secs(2 * 60),
            max_associations: 1 << 14,
            max_datagrams: 256,
            echo: true,
            echo_timeout: Duration::from_secs(10),
            max_echoes: 256,
        }
    }
}

impl Config {
    /// Returns how much payload of a TCP segment without options fits the device.
    pub(crate) fn largest_segment(&self, is_v4: bool) -> u16 {
        let headers = if is_v4 { 40 } else { 60 };
        u16::try_from(self.mtu.saturating_sub(headers)).unwrap_or(u16::MAX)
    }

    /// Brings what cannot be into the range of what can.
    pub(crate) fn sane(mut self) -> Self {
        self.mtu = self.mtu.clamp(MIN_MTU, usize::from(u16::MAX));
        self.segmentation &= self.checksums;
        self.max_buffer = self.max_buffer.clamp(MIN_BUFFER, MAX_BUFFER);
        self.initial_buffer = self.initial_buffer.clamp(MIN_BUFFER, self.max_buffer);
        self.max_waiting = self.max_waiting.max(1);
        self.max_echoes = self.max_echoes.max(1);
        self.max_associations = self.max_associations.max(1);
        self
    }
}

/// Every link that carries IPv6 carries this much (RFC 8200 §5).
const MIN_MTU: usize = 1280;
/// Room for a few segments, below which nothing flows.
const MIN_BUFFER: usize = 4 << 10;
/// What the largest window scale reaches, with room to spare (RFC 7323 §2.3).
const MAX_BUFFER: usize = 64 << 20;
