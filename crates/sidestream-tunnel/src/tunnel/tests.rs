//! What is held for nobody, with a device of the test's own.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use sidestream_capture::{PacketProperties, Received, next_incoming};
use sidestream_packet::{Offload, TcpFlags, build};

use super::*;

/// A packet for each number from 1 on that `make` makes, and nothing more.
struct Flood(u16, fn(u16, &mut Vec<u8>));

const CLIENT: [u8; 4] = [198, 51, 100, 2];
const SERVER: [u8; 4] = [203, 0, 113, 5];

fn handshake(number: u16, packet: &mut Vec<u8>) {
    let ends = [(CLIENT, number), (SERVER, 80)].map(SocketAddr::from);
    let header = build::TcpHeader { flags: TcpFlags::SYN, window: 65_535, ..Default::default() };
    build::tcp(packet, ends[0], ends[1], &header, &[]).unwrap();
}

fn ping(number: u16, packet: &mut Vec<u8>) {
    let (client, server) = (CLIENT.into(), SERVER.into());
    build::echo(packet, client, server, build::Echo::Request, (number, 1), b"ping").unwrap();
}

impl PacketDriver for Flood {
    fn poll_recv(
        &mut self,
        _: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<Option<Received>>> {
        if self.0 == u16::MAX {
            return Poll::Pending;
        }
        self.0 += 1;
        let mut packet = Vec::new();
        (self.1)(self.0, &mut packet);
        buf[..packet.len()].copy_from_slice(&packet);
        let received = Received { len: packet.len(), offload: Offload::default() };
        Poll::Ready(Ok(Some(received)))
    }

    fn poll_send(&mut self, _: &mut Context<'_>, _: &[u8], _: Offload) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn properties(&self) -> PacketProperties {
        PacketProperties { mtu: 1500, ..PacketProperties::default() }
    }
}

#[tokio::test]
async fn flows_that_end_before_anybody_takes_them_do_not_pile_up() {
    let mut settings = Settings::new("test", 1);
    settings.stack.max_waiting = 16;
    let mut tunnel = Tunnel::start(Box::new(Flood(0, handshake)), settings);
    while tunnel.counters().packets_in < u64::from(u16::MAX) {
        tokio::task::yield_now().await;
    }
    {
        let state = tunnel.shared.lock();
        assert_eq!(state.stack.counters().syn_dropped, u64::from(u16::MAX) - 16);
        assert_eq!(state.streams.len(), 16);
        assert!(state.arrived.len() < 128, "{}", state.arrived.len());
    }
    // Those that still wait are yielded, and no other.
    let mut waiting = Vec::new();
    for _ in 0..16 {
        waiting.push(next_incoming(&mut tunnel).await.unwrap().unwrap());
    }
    let ports: Vec<_> = waiting.iter().map(|flow| flow.info.key.client.port()).collect();
    assert_eq!(ports, (u16::MAX - 15..=u16::MAX).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_flood_of_pings_asks_few_hosts_at_a_time() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let mut settings = Settings::new("test", 1);
    settings.ping = Some(Arc::new(|_, _| {
        ASKED.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::pending())
    }));
    let tunnel = Tunnel::start(Box::new(Flood(0, ping)), settings);
    while tunnel.counters().packets_in < u64::from(u16::MAX) {
        tokio::task::yield_now().await;
    }
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(ASKED.load(Ordering::Relaxed), engine::MAX_PINGS);
}
