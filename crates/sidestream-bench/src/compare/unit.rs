//! What is measured, and how much it may cost.

use serde::Serialize;

use super::setup::Setup;
use crate::{Group, Job};

/// What is moved at once: less than may wait for the session's disk, so that all of it is recorded
/// however slow that is.
const BODY: u64 = 48 * 1024 * 1024;
const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

/// A unit of work whose cost is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// A request over HTTP/1.1 on a connection that stays open.
    Http1,
    /// A request over HTTP/2 beside others on its connection.
    Http2,
    /// A new connection to a host that is known, with one request.
    Connection,
    /// The same with a key exchange that is safe against quantum computers.
    ConnectionHybrid,
    /// A new connection to a host that was never seen, with one request.
    FirstSeen,
    /// The same with a key exchange that is safe against quantum computers.
    FirstSeenHybrid,
    /// A GiB that comes.
    Download,
    /// A GiB that goes.
    Upload,
    /// A GiB that comes in a protocol that nobody knows.
    Raw,
    /// A GiB that goes in that protocol.
    RawUp,
    /// A new connection of that protocol, for a little.
    RawConnection,
    /// A connection that stays open.
    Idle,
    /// Ten thousand connections that stay open.
    Open,
    /// Five thousand of them.
    OpenHalf,
    /// What is added to the time of a request.
    Latency,
    /// What is added to `connect` of TCP.
    Connect,
    /// What is added to `connect` of UDP, which is the call alone.
    ConnectUdp,
    /// How long eBPF programs run for a `connect` of TCP.
    Hook,
    /// What `run` adds to the start of a command.
    Start,
    /// How long it takes from the start of `--mode local` until connections are captured.
    Capture,
}

/// What a figure says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Instructions a unit.
    Instructions,
    /// Microseconds on a processor a unit.
    CpuUs,
    /// Units a second, as the client saw it.
    PerSecond,
    /// The time on a processor, as a multiple of the relay's in the same round.
    CpuOfRelay,
    /// The time on a processor, as a multiple of that of two connections of TLS in the same round.
    CpuOfBare,
    /// How many times longer it took, by the clock, than by the relay in the same round.
    TimeOfRelay,
    /// KB of resident memory a unit.
    Kb,
    /// MB of resident memory in all.
    Mb,
    /// Half of the requests or connects took at most so many microseconds.
    P50Us,
    /// 99 of a hundred requests took at most so many microseconds.
    P99Us,
    /// Microseconds more than the direct way in the same round.
    AddedP50Us,
    /// Microseconds more than the direct way in the same round.
    AddedP99Us,
    /// Nanoseconds in the programs that see connects, for each of the client's.
    HookNs,
    /// Nanoseconds in all eBPF programs of ours, for each of the client's connects.
    AllHooksNs,
    /// Milliseconds more than without.
    AddedMs,
    /// Milliseconds.
    Ms,
}

impl Unit {
    /// All of them, in the order in which they are measured.
    pub const ALL: [Self; 20] = [
        Self::Http1,
        Self::Http2,
        Self::Connection,
        Self::ConnectionHybrid,
        Self::FirstSeen,
        Self::FirstSeenHybrid,
        Self::Download,
        Self::Upload,
        Self::Raw,
        Self::RawUp,
        Self::RawConnection,
        Self::Idle,
        Self::Open,
        Self::OpenHalf,
        Self::Latency,
        Self::Connect,
        Self::ConnectUdp,
        Self::Hook,
        Self::Start,
        Self::Capture,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http1 => "http1",
            Self::Http2 => "http2",
            Self::Connection => "connection",
            Self::ConnectionHybrid => "connection-hybrid",
            Self::FirstSeen => "first-seen",
            Self::FirstSeenHybrid => "first-seen-hybrid",
            Self::Download => "download",
            Self::Upload => "upload",
            Self::Raw => "raw",
            Self::RawUp => "raw-up",
            Self::RawConnection => "raw-connection",
            Self::Idle => "idle",
            Self::Open => "open",
            Self::OpenHalf => "open-half",
            Self::Latency => "latency",
            Self::Connect => "connect",
            Self::ConnectUdp => "connect-udp",
            Self::Hook => "hook",
            Self::Start => "start",
            Self::Capture => "capture",
        }
    }

    /// What it is, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP/1.1 request",
            Self::Http2 => "HTTP/2 request",
            Self::Connection => "new TLS connection, X25519",
            Self::ConnectionHybrid => "new TLS connection, X25519MLKEM768",
            Self::FirstSeen => "first-seen host, X25519",
            Self::FirstSeenHybrid => "first-seen host, X25519MLKEM768",
            Self::Download => "GiB down",
            Self::Upload => "GiB up",
            Self::Raw => "GiB of an unknown protocol",
            Self::RawUp => "the same up",
            Self::RawConnection => "new connection of it",
            Self::Idle => "idle connection",
            Self::Latency => "request's time",
            Self::Connect => "connect of TCP",
            Self::ConnectUdp => "connect of UDP",
            Self::Hook => "connect in eBPF",
            Self::Open => "10,000 open connections",
            Self::OpenHalf => "5,000 open connections",
            Self::Start => "start of a command",
            Self::Capture => "start to capturing",
        }
    }

    /// What Sidestream is to keep below, where the setup is one that is judged.
    pub fn targets(self, setup: Setup) -> Vec<(Metric, f64)> {
        match setup {
            Setup::Run | Setup::Local => self.targets_recording(setup),
            Setup::Unrecorded => match self {
                Self::Http1 | Self::Http2 => vec![(Metric::Instructions, 60e3)],
                _ => Vec::new(),
            },
            Setup::Shared => match self {
                Self::Connection | Self::ConnectionHybrid => vec![(Metric::Instructions, 1_500e3)],
                _ => Vec::new(),
            },
            Setup::Passed => match self {
                Self::Download | Self::Upload => vec![(Metric::Instructions, 0.8e9)],
                Self::Open => vec![(Metric::Mb, 100.0)],
                Self::Hook => vec![(Metric::HookNs, 1_200.0)],
                _ => Vec::new(),
            },
            Setup::Beside => match self {
                Self::Connect | Self::ConnectUdp => vec![(Metric::AddedP50Us, 0.6)],
                Self::Hook => vec![(Metric::HookNs, 600.0)],
                _ => Vec::new(),
            },
            Setup::Tun | Setup::TunShort => self.targets_of_packets(setup),
            _ => Vec::new(),
        }
    }

    fn targets_recording(self, setup: Setup) -> Vec<(Metric, f64)> {
        let handshakes =
            |instructions| vec![(Metric::Instructions, instructions), (Metric::CpuOfBare, 1.25)];
        match self {
            Self::Http1 | Self::Http2 => vec![(Metric::Instructions, 90e3)],
            Self::Connection => handshakes(3_800e3),
            Self::ConnectionHybrid | Self::FirstSeen => handshakes(4_500e3),
            Self::FirstSeenHybrid => handshakes(5_200e3),
            Self::Download | Self::Upload => vec![(Metric::Instructions, 2.0e9)],
            Self::Idle => vec![(Metric::Kb, 20.0)],
            Self::Latency => vec![(Metric::AddedP50Us, 100.0)],
            Self::Start if setup == Setup::Run => vec![(Metric::AddedMs, 60.0)],
            Self::Capture if setup == Setup::Local => vec![(Metric::Ms, 150.0)],
            _ => Vec::new(),
        }
    }

    fn targets_of_packets(self, setup: Setup) -> Vec<(Metric, f64)> {
        let seconds = if setup == Setup::Tun { 0.20 } else { 0.5 };
        match self {
            Self::Raw | Self::RawUp => vec![(Metric::CpuUs, seconds * 1e6 * GIB / 1e9)],
            Self::RawConnection => vec![(Metric::TimeOfRelay, 2.0)],
            Self::OpenHalf if setup == Setup::Tun => vec![(Metric::Mb, 150.0)],
            Self::Latency => vec![(Metric::AddedP50Us, 500.0)],
            _ => Vec::new(),
        }
    }

    /// Whether it is measured in that setup.
    pub(super) fn is_for(self, setup: Setup) -> bool {
        match self {
            Self::Connection | Self::ConnectionHybrid if setup == Setup::Shared => true,
            _ if setup == Setup::Shared => false,
            // nginx has one certificate for all.
            Self::FirstSeen | Self::FirstSeenHybrid => {
                !matches!(setup, Setup::Nginx | Setup::Unrecorded | Setup::Rules | Setup::Beside)
            }
            Self::Raw | Self::RawUp => !setup.is_of_tls_alone() && setup != Setup::Beside,
            Self::RawConnection => {
                matches!(setup, Setup::Direct | Setup::Relay | Setup::Tun | Setup::TunShort)
            }
            Self::Http1 | Self::Http2 | Self::Connection | Self::Download | Self::Upload
                if matches!(setup, Setup::Unrecorded | Setup::Rules) =>
            {
                true
            }
            _ if matches!(setup, Setup::Unrecorded | Setup::Rules) => false,
            Self::OpenHalf => setup == Setup::Tun,
            Self::Open => matches!(setup, Setup::Local | Setup::Passed),
            Self::Connect | Self::ConnectUdp => {
                matches!(setup, Setup::Direct | Setup::Passed | Setup::Beside)
            }
            Self::Hook => matches!(setup, Setup::Passed | Setup::Beside),
            Self::Start => setup == Setup::Run,
            Self::Capture => setup == Setup::Local,
            Self::Latency => setup != Setup::Beside,
            // There it is the way that is measured, and not what is done with what comes by it.
            _ if matches!(setup, Setup::Tun | Setup::TunShort) => false,
            _ => setup != Setup::Beside,
        }
    }

    /// Whether it is shown by memory, and so wants processes that held nothing before.
    pub(super) fn is_space(self) -> bool {
        matches!(self, Self::Idle | Self::Open | Self::OpenHalf)
    }

    /// How many units the job has.
    pub(super) fn count(self, job: &Job) -> f64 {
        match *job {
            Job::Requests { count, .. }
            | Job::Connect { count, .. }
            | Job::Connections { count, .. }
            | Job::RawConnections { count, .. }
            | Job::Idle { count }
            | Job::Latency { count } => f64::from(count),
            Job::Raw { bytes, .. } | Job::Transfer { bytes, .. } => bytes as f64 / GIB,
        }
    }

    /// The load that shows it; `None` where it takes none. `round` tells hosts apart.
    pub(super) fn job(self, quick: bool, round: usize) -> Option<Job> {
        let size = |full, little| if quick { little } else { full };
        let connections = |first_host, group| Job::Connections {
            count: size(400, 60),
            parallel: 4,
            first_host,
            group,
        };
        let first_host = u32::try_from(round * 10_000).unwrap_or(0);
        Some(match self {
            Self::Http1 => Job::Requests {
                http2: false,
                count: size(10_000, 2_000),
                connections: 16,
                streams: 1,
            },
            Self::Http2 => Job::Requests {
                http2: true,
                count: size(10_000, 2_000),
                connections: 2,
                streams: 16,
            },
            Self::Connection => connections(None, Group::X25519),
            Self::ConnectionHybrid => connections(None, Group::X25519MLKEM768),
            Self::FirstSeen => connections(Some(first_host), Group::X25519),
            Self::FirstSeenHybrid => connections(Some(first_host + 5_000), Group::X25519MLKEM768),
            Self::Download => Job::Transfer { up: false, bytes: BODY },
            Self::Upload => Job::Transfer { up: true, bytes: BODY },
            Self::Raw => Job::Raw { up: false, bytes: BODY },
            Self::RawUp => Job::Raw { up: true, bytes: BODY },
            Self::RawConnection => Job::RawConnections { count: size(2_000, 500), parallel: 4 },
            Self::Idle => Job::Idle { count: size(2_000, 200) },
            // Each takes two descriptors of the proxy, of which there may be 20,000 only.
            Self::Open => Job::Idle { count: size(9_000, 3_000) },
            Self::OpenHalf => Job::Idle { count: 5_000 },
            Self::Latency => Job::Latency { count: size(3_000, 500) },
            Self::Connect => Job::Connect { count: size(10_000, 2_000), udp: false },
            Self::ConnectUdp => Job::Connect { count: size(20_000, 5_000), udp: true },
            Self::Hook => Job::Connect { count: size(10_000, 2_000), udp: false },
            Self::Start | Self::Capture => return None,
        })
    }
}
