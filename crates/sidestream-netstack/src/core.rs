//! What all parts of a stack share: smoltcp's interface, the packets and events on their way out,
//! the deadlines, the time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use sidestream_packet::Offload;
use smoltcp::iface::{Interface, SocketSet};
use smoltcp::phy::DeviceCapabilities;
use smoltcp::time::Instant as Ticks;
use smoltcp::wire::HardwareAddress;

use crate::hash::Seed;
use crate::output::Event;
use crate::port::{self, Frame, Port};
use crate::timers::Timers;
use crate::{Config, Counters};

pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) counters: Counters,
    pub(crate) seed: Seed,
    pub(crate) now: Instant,
    pub(crate) timers: Timers,
    pub(crate) events: VecDeque<Event>,
    /// Short packets that answer others.
    pub(crate) replies: VecDeque<(Vec<u8>, Offload)>,
    /// The packet that goes out next.
    pub(crate) frame: Frame,
    line: Line,
    /// Takes out of a socket in long pieces what it has sent before.
    long_line: Line,
    began: Instant,
    fragment_id: u32,
}

/// smoltcp's view of the device.
struct Line {
    capabilities: DeviceCapabilities,
    interface: Interface,
}

impl Line {
    fn new(config: &Config, seed: u64, frame: &mut Frame) -> Self {
        let capabilities = port::capabilities(config);
        let mut port = Port { packet: None, frame, capabilities: &capabilities };
        let mut settings = smoltcp::iface::Config::new(HardwareAddress::Ip);
        settings.random_seed = seed;
        let mut interface = Interface::new(settings, &mut port, Ticks::ZERO);
        // Every address is ours: the stack answers for all hosts.
        interface.set_any_ip(true);
        Self { capabilities, interface }
    }
}

/// smoltcp takes the time zero for "at once": ours begins later.
const EPOCH: Duration = Duration::from_secs(1);

/// How many packets wait that stand in no stream's buffer, where the device takes none: those of
/// the longest length take 256 MiB, acknowledgments a quarter of one.
const MAX_REPLIES: usize = 4096;

impl Core {
    pub(crate) fn new(config: Config, seed: u64, now: Instant) -> Self {
        let mut frame = Frame::default();
        let line = Line::new(&config, seed, &mut frame);
        let long = Config { segmentation: true, ..config.clone() };
        let long_line = Line::new(&long, seed, &mut frame);
        Self {
            config,
            counters: Counters::default(),
            seed: Seed(seed),
            now,
            timers: Timers::default(),
            events: VecDeque::new(),
            replies: VecDeque::new(),
            frame,
            line,
            long_line,
            began: now,
            // Where it begins is nobody's business.
            fragment_id: Seed(seed).of("fragments") as u32,
        }
    }

    /// Has a packet sent that stands in no stream's buffer.
    pub(crate) fn reply(&mut self, bytes: Vec<u8>, offload: Offload) {
        if !self.is_full() {
            self.replies.push_back((bytes, offload));
        } else {
            self.counters.replies_dropped += 1;
        }
    }

    /// Whether another reply would be dropped.
    pub(crate) fn is_full(&self) -> bool {
        self.replies.len() >= MAX_REPLIES
    }

    /// Moves the time on; it never goes back.
    pub(crate) fn set_now(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    /// Hands one packet to the sockets of one stream; the answer, if any, is in the frame.
    pub(crate) fn feed(&mut self, sockets: &mut SocketSet<'static>, packet: &[u8]) {
        self.counters.steps += 1;
        self.frame.clear();
        let ticks = self.ticks(self.now);
        let Line { capabilities, interface } = &mut self.line;
        let mut port = Port { packet: Some(packet), frame: &mut self.frame, capabilities };
        interface.poll_ingress_single(ticks, &mut port, sockets);
    }

    /// Lets the sockets of one stream send one packet, which is in the frame if there is one.
    pub(crate) fn drain(&mut self, sockets: &mut SocketSet<'static>) {
        self.counters.steps += 1;
        self.frame.clear();
        let ticks = self.ticks(self.now);
        let Line { capabilities, interface } = &mut self.line;
        let mut port = Port { packet: None, frame: &mut self.frame, capabilities };
        interface.poll_egress(ticks, &mut port, sockets);
    }

    /// Lets the sockets of one stream send one packet as long as packets can be, as if it were
    /// later.
    pub(crate) fn drain_long(&mut self, sockets: &mut SocketSet<'static>, at: Instant) {
        self.counters.steps += 1;
        self.frame.clear();
        let ticks = self.ticks(at);
        let Line { capabilities, interface } = &mut self.long_line;
        let mut port = Port { packet: None, frame: &mut self.frame, capabilities };
        interface.poll_egress(ticks, &mut port, sockets);
    }

    /// Returns when the sockets of one stream want to send again.
    pub(crate) fn wakes_at(&mut self, sockets: &SocketSet<'static>) -> Option<Instant> {
        let ticks = self.ticks(self.now);
        let at = self.line.interface.poll_at(ticks, sockets)?;
        let since = u64::try_from(at.total_micros()).unwrap_or(0);
        Some(self.began + Duration::from_micros(since).saturating_sub(EPOCH))
    }

    fn ticks(&self, at: Instant) -> Ticks {
        let since = at.saturating_duration_since(self.began) + EPOCH;
        Ticks::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX / 2))
    }

    pub(crate) const fn next_fragment_id(&mut self) -> u32 {
        self.fragment_id = self.fragment_id.wrapping_add(1);
        self.fragment_id
    }

    /// Returns how long the stack exists.
    pub(crate) fn age(&self) -> Duration {
        self.now.saturating_duration_since(self.began)
    }
}
