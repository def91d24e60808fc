//! A device behind a link that delays, loses, reorders and repeats packets, by a seed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use sidestream_capture::{PacketDriver, PacketProperties, Received};
use sidestream_packet::{Checksum, Offload, Packet, TcpFlags, Transport};
use tokio::time::{Instant, Sleep, sleep_until};

/// What befalls segments of TCP, in per mille each way.
///
/// Datagrams and pings are delayed alone, for nobody sends them again; and so are resets, after
/// which nobody is left to do so.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Profile {
    pub(crate) loss: u32,
    pub(crate) reorder: u32,
    pub(crate) duplicate: u32,
    pub(crate) delay: Duration,
    /// Whether handshakes are not lost, whose repetition takes a second.
    pub(crate) opens_at_once: bool,
}

/// What a link has carried one way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Carried {
    /// Bytes of streams that were sent.
    pub(crate) sent: u64,
    /// Those of them that were lost.
    pub(crate) lost: u64,
}

/// What a link has carried: from the clients, and to them.
pub(crate) type Log = Arc<Mutex<[Carried; 2]>>;

pub(crate) struct Shaped<D: PacketDriver> {
    device: D,
    profile: Profile,
    random: u64,
    count: u64,
    ways: [BinaryHeap<Reverse<Due>>; 2],
    alarm: Pin<Box<Sleep>>,
    log: Log,
    /// Whether the device has gone.
    is_over: bool,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at: Instant,
    number: u64,
    packet: Vec<u8>,
}

const FROM_CLIENTS: usize = 0;
const TO_CLIENTS: usize = 1;

impl<D: PacketDriver> Shaped<D> {
    /// Puts a link before a device without offloads.
    pub(crate) fn new(device: D, profile: Profile, seed: u64) -> (Self, Log) {
        let log = Log::default();
        let shaped = Self {
            device,
            profile,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            count: 0,
            ways: Default::default(),
            alarm: Box::pin(sleep_until(Instant::now())),
            log: log.clone(),
            is_over: false,
        };
        (shaped, log)
    }

    fn happens(&mut self, per_mille: u32) -> bool {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % 1000 < u64::from(per_mille)
    }

    /// Takes a packet that goes one way.
    fn carry(&mut self, way: usize, packet: &[u8]) {
        let profile = self.profile;
        let (is_spared, len) = look(packet, profile.opens_at_once);
        let is_lost = !is_spared && self.happens(profile.loss);
        {
            let mut log = self.log.lock().unwrap();
            log[way].sent += len;
            log[way].lost += if is_lost { len } else { 0 };
        }
        if is_lost {
            return;
        }
        let copies = 1 + usize::from(!is_spared && self.happens(profile.duplicate));
        for _ in 0..copies {
            let mut at = Instant::now() + profile.delay;
            if !is_spared && self.happens(profile.reorder) {
                at += profile.delay / 4 + Duration::from_millis(2);
            }
            self.count += 1;
            self.ways[way].push(Reverse(Due { at, number: self.count, packet: packet.to_vec() }));
        }
    }

    /// Hands the device what has arrived for the clients; ready when something else has arrived.
    fn flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let now = Instant::now();
            if let Some(Reverse(due)) = self.ways[TO_CLIENTS].peek().filter(|due| due.0.at <= now) {
                match ready!(self.device.poll_send(cx, &due.packet, Offload::default())) {
                    Err(error) if error.kind() != io::ErrorKind::InvalidInput => {
                        return Poll::Ready(Err(error));
                    }
                    Ok(()) | Err(_) => _ = self.ways[TO_CLIENTS].pop(),
                }
                continue;
            }
            let heads = self.ways.iter().filter_map(|way| way.peek());
            let Some(at) = heads.map(|Reverse(due)| due.at).min() else { return Poll::Pending };
            self.alarm.as_mut().reset(at);
            ready!(self.alarm.as_mut().poll(cx));
            if self.ways[FROM_CLIENTS].peek().is_some_and(|due| due.0.at <= Instant::now()) {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

/// Says whether a packet is left alone, and how many bytes of a stream it carries.
fn look(packet: &[u8], spares_handshakes: bool) -> (bool, u64) {
    let Ok(packet) = Packet::parse(packet, Checksum::Verified) else { return (true, 0) };
    let Transport::Tcp(tcp) = packet.transport() else { return (true, 0) };
    let spared = if spares_handshakes { TcpFlags::RST | TcpFlags::SYN } else { TcpFlags::RST };
    (tcp.flags().intersects(spared), tcp.payload().len() as u64)
}

/// What is on its way when the stack gives the device back arrives still: resets.
impl<D: PacketDriver> Drop for Shaped<D> {
    fn drop(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        while let Some(Reverse(due)) = self.ways[TO_CLIENTS].pop() {
            _ = self.device.poll_send(&mut cx, &due.packet, Offload::default());
        }
    }
}

impl<D: PacketDriver> PacketDriver for Shaped<D> {
    fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<Option<Received>>> {
        loop {
            while !self.is_over {
                match self.device.poll_recv(cx, buf) {
                    Poll::Ready(Ok(Some(received))) => {
                        self.carry(FROM_CLIENTS, &buf[..received.len])
                    }
                    Poll::Ready(Ok(None)) => self.is_over = true,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => break,
                }
            }
            let now = Instant::now();
            if self.ways[FROM_CLIENTS].peek().is_some_and(|due| due.0.at <= now)
                && let Some(Reverse(Due { packet, .. })) = self.ways[FROM_CLIENTS].pop()
            {
                buf[..packet.len()].copy_from_slice(&packet);
                let received = Received { len: packet.len(), offload: Offload::default() };
                return Poll::Ready(Ok(Some(received)));
            }
            if self.is_over {
                return Poll::Ready(Ok(None));
            }
            ready!(self.flush(cx))?;
        }
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        packet: &[u8],
        _: Offload,
    ) -> Poll<io::Result<()>> {
        self.carry(TO_CLIENTS, packet);
        match self.flush(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            // What has arrived the other way is taken by whoever receives, who is woken for it.
            Poll::Ready(Ok(())) => {
                cx.waker().wake_by_ref();
                Poll::Ready(Ok(()))
            }
            Poll::Pending => Poll::Ready(Ok(())),
        }
    }

    fn properties(&self) -> PacketProperties {
        let properties = self.device.properties();
        PacketProperties { checksums: false, segmented: 0, segmented_udp: false, ..properties }
    }
}
