//! What a machine is told when it is made.

use std::net::Ipv4Addr;
use std::time::Duration;

/// The habits and limits of a [`Diverter`](crate::Diverter).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The processes whose packets are never diverted, nor asked about: ourselves.
    pub own_pids: Vec<u32>,
    /// Whether what other hosts begin is diverted, too; off by default.
    pub inbound: bool,
    /// Whether what programs of this machine say to each other is diverted, too; off by default.
    pub loopback: bool,
    /// Whether link-local addresses are diverted, too; off by default.
    pub link_local: bool,
    /// The broadcast addresses of this machine's networks, beside 255.255.255.255.
    pub broadcasts: Vec<Ipv4Addr>,

    /// How long a packet waits until it is known whose it is; 250 ms by default.
    pub wait: Duration,
    /// How many packets may wait; 1,024 by default.
    pub max_waiting: usize,
    /// How many bytes of packets may wait; 4 MiB by default.
    pub max_waiting_bytes: usize,
    /// How many packets of one flow may wait; 64 by default.
    pub max_waiting_in_flow: usize,

    /// How many sockets are known; 16,384 by default. Beyond it the closed ones are forgotten,
    /// then the oldest: a flow that exists does not need its socket.
    pub max_sockets: usize,
    /// How many flows are known; 65,536 by default. Beyond it those that have ended or are passed
    /// are forgotten, the oldest first; where all are diverted, new ones are passed.
    pub max_flows: usize,
    /// How long a UDP flow lives without a packet from its client; 2 minutes by default.
    pub udp_idle: Duration,
    /// How long a diverted TCP flow lives without one; 4 hours by default. Windows asks after two
    /// whether a silent peer is there.
    pub tcp_idle: Duration,
    /// How long a closed socket and an ended flow are remembered, for packets that come after
    /// the news; 1 minute by default.
    pub linger: Duration,

    /// How many bytes go to the proxy at once; 256 KiB by default. A longer packet goes alone.
    pub batch_bytes: usize,
    /// How many packets go to the proxy at once; 255 by default.
    pub batch_packets: usize,
    /// How long packets wait for others while the proxy takes a batch; 1 ms by default. While it
    /// takes none, they do not.
    pub batch_delay: Duration,
    /// How many batches may be on their way to the proxy; 4 by default. While there are as many,
    /// one more is filled; what comes then is dropped.
    pub max_batches: usize,
    /// For how long the proxy may be silent before it is given up; 1 s by default.
    pub silence: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            own_pids: Vec::new(),
            inbound: false,
            loopback: false,
            link_local: false,
            broadcasts: Vec::new(),
            wait: Duration::from_millis(250),
            max_waiting: 1024,
            max_waiting_bytes: 4 << 20,
            max_waiting_in_flow: 64,
            max_sockets: 16_384,
            max_flows: 65_536,
            udp_idle: Duration::from_mins(2),
            tcp_idle: Duration::from_hours(4),
            linger: Duration::from_mins(1),
            batch_bytes: 256 << 10,
            batch_packets: 255,
            batch_delay: Duration::from_millis(1),
            max_batches: 4,
            silence: Duration::from_secs(1),
        }
    }
}

/// The longest packet that WinDivert gives (`WINDIVERT_MTU_MAX`).
const LONGEST: usize = 40 + 65_535;

// What the defaults let wait, on its way to the proxy or for its owner.
const _: () = assert!((4 << 20) + 5 * ((256 << 10) + LONGEST) <= 8 << 20);
