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
    /// A new connection to a host that was never seen, with one request.
    FirstSeen,
    /// The same with a key exchange that is safe against quantum computers.
    FirstSeenHybrid,
    /// A GiB that comes.
    Download,
    /// A GiB that goes.
    Upload,
    /// A connection that stays open.
    Idle,
    /// What is added to the time of a request.
    Latency,
    /// What `run` adds to the start of a command.
    Start,
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
    /// KB of resident memory a unit.
    Kb,
    /// Half of the requests took at most so many microseconds.
    P50Us,
    /// 99 of a hundred requests took at most so many microseconds.
    P99Us,
    /// Microseconds more than the direct way in the same round.
    AddedP50Us,
    /// Microseconds more than the direct way in the same round.
    AddedP99Us,
    /// Milliseconds more than without.
    AddedMs,
}

impl Unit {
    /// All of them, in the order in which they are measured.
    pub const ALL: [Self; 10] = [
        Self::Http1,
        Self::Http2,
        Self::Connection,
        Self::FirstSeen,
        Self::FirstSeenHybrid,
        Self::Download,
        Self::Upload,
        Self::Idle,
        Self::Latency,
        Self::Start,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http1 => "http1",
            Self::Http2 => "http2",
            Self::Connection => "connection",
            Self::FirstSeen => "first-seen",
            Self::FirstSeenHybrid => "first-seen-hybrid",
            Self::Download => "download",
            Self::Upload => "upload",
            Self::Idle => "idle",
            Self::Latency => "latency",
            Self::Start => "start",
        }
    }

    /// What it is, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP/1.1 request",
            Self::Http2 => "HTTP/2 request",
            Self::Connection => "new TLS connection",
            Self::FirstSeen => "first-seen host, X25519",
            Self::FirstSeenHybrid => "first-seen host, X25519MLKEM768",
            Self::Download => "GiB down",
            Self::Upload => "GiB up",
            Self::Idle => "idle connection",
            Self::Latency => "request's time",
            Self::Start => "start of a command",
        }
    }

    /// What Sidestream is to keep below, recording.
    pub fn target(self) -> Option<(Metric, f64)> {
        match self {
            Self::Http1 | Self::Http2 => Some((Metric::Instructions, 130e3)),
            Self::Connection => None,
            Self::FirstSeen | Self::FirstSeenHybrid => Some((Metric::Instructions, 6_000e3)),
            Self::Download | Self::Upload => Some((Metric::Instructions, 2.5e9)),
            Self::Idle => Some((Metric::Kb, 50.0)),
            Self::Latency => Some((Metric::AddedP50Us, 150.0)),
            Self::Start => Some((Metric::AddedMs, 60.0)),
        }
    }

    /// Whether that setup can do it; else why not.
    pub(super) fn refused_by(self, setup: Setup) -> Option<&'static str> {
        match (self, setup) {
            (Self::FirstSeen | Self::FirstSeenHybrid, Setup::Nginx) => {
                Some("it has one certificate for all")
            }
            (Self::Start, Setup::Direct | Setup::Relay | Setup::Nginx | Setup::Regular) => {
                Some("it starts no command")
            }
            _ => None,
        }
    }

    /// How many units the job has.
    pub(super) fn count(self, job: &Job) -> f64 {
        match *job {
            Job::Requests { count, .. }
            | Job::Connections { count, .. }
            | Job::Idle { count }
            | Job::Latency { count } => f64::from(count),
            Job::Transfer { bytes, .. } => bytes as f64 / GIB,
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
            Self::FirstSeen => connections(Some(first_host), Group::X25519),
            Self::FirstSeenHybrid => connections(Some(first_host + 5_000), Group::X25519MLKEM768),
            Self::Download => Job::Transfer { up: false, bytes: BODY },
            Self::Upload => Job::Transfer { up: true, bytes: BODY },
            Self::Idle => Job::Idle { count: size(2_000, 200) },
            Self::Latency => Job::Latency { count: size(3_000, 500) },
            Self::Start => return None,
        })
    }
}
