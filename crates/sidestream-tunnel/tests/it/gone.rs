//! A device that vanishes, which takes no rights: it is the test's own.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use sidestream_capture::{Kind, PacketDriver, PacketProperties, Received, Stream, next_incoming};
use sidestream_packet::{Checksum, Offload, Packet, TcpFlags, Transport, build};
use sidestream_tunnel::{Settings, Tunnel};
use tokio::io::AsyncReadExt;

/// What the device gives: packets, and then its end.
#[derive(Default)]
struct Inside {
    packets: VecDeque<io::Result<Option<Vec<u8>>>>,
    sent: Vec<Vec<u8>>,
    waker: Option<Waker>,
}

#[derive(Clone, Default)]
struct Device(Arc<Mutex<Inside>>);

impl Device {
    fn give(&self, packet: io::Result<Option<Vec<u8>>>) {
        let mut inside = self.0.lock().unwrap();
        inside.packets.push_back(packet);
        if let Some(waker) = inside.waker.take() {
            waker.wake();
        }
    }
}

impl PacketDriver for Device {
    fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<Option<Received>>> {
        let mut inside = self.0.lock().unwrap();
        match inside.packets.pop_front() {
            None => {
                inside.waker = Some(cx.waker().clone());
                Poll::Pending
            }
            Some(Ok(Some(packet))) => {
                buf[..packet.len()].copy_from_slice(&packet);
                let received = Received { len: packet.len(), offload: Offload::default() };
                Poll::Ready(Ok(Some(received)))
            }
            Some(Ok(None)) => Poll::Ready(Ok(None)),
            Some(Err(error)) => Poll::Ready(Err(error)),
        }
    }

    fn poll_send(
        &mut self,
        _: &mut Context<'_>,
        packet: &[u8],
        _: Offload,
    ) -> Poll<io::Result<()>> {
        self.0.lock().unwrap().sent.push(packet.to_vec());
        Poll::Ready(Ok(()))
    }

    fn properties(&self) -> PacketProperties {
        PacketProperties { mtu: 1500, ..PacketProperties::default() }
    }
}

fn segment(sequence: u32, acknowledgment: u32, flags: TcpFlags) -> Vec<u8> {
    let header = build::TcpHeader { sequence, acknowledgment, flags, window: 60_000, options: &[] };
    let mut packet = Vec::new();
    let (client, server) = (([198, 51, 100, 2], 4000).into(), ([203, 0, 113, 5], 80).into());
    build::tcp(&mut packet, client, server, &header, &[]).unwrap();
    packet
}

/// A tunnel with one connection through the device.
async fn connected(device: &Device) -> (Tunnel, Box<dyn Stream>) {
    let mut tunnel = Tunnel::start(Box::new(device.clone()), Settings::new("test", 1));
    device.give(Ok(Some(segment(0, 0, TcpFlags::SYN))));
    let incoming = next_incoming(&mut tunnel).await.unwrap().unwrap();
    let Kind::Tcp(pending) = incoming.kind else { panic!("not a connection") };
    let accepting = tokio::spawn(pending.accept());
    let number = loop {
        tokio::task::yield_now().await;
        let inside = device.0.lock().unwrap();
        let Some(answer) = inside.sent.first() else { continue };
        let packet = Packet::parse(answer, Checksum::Complete).unwrap();
        let Transport::Tcp(tcp) = packet.transport() else { panic!("{packet}") };
        break tcp.sequence();
    };
    device.give(Ok(Some(segment(1, number.wrapping_add(1), TcpFlags::ACK))));
    (tunnel, accepting.await.unwrap().unwrap())
}

#[tokio::test]
async fn a_device_that_vanishes_ends_its_flows_and_the_capture() {
    let device = Device::default();
    let (mut tunnel, mut stream) = connected(&device).await;
    device.give(Ok(None));
    assert!(next_incoming(&mut tunnel).await.unwrap().is_none());
    assert!(stream.read(&mut [0; 8]).await.is_err(), "what is cut off is no end");
}

#[tokio::test]
async fn a_device_that_breaks_ends_its_flows_and_says_why() {
    let device = Device::default();
    let (mut tunnel, mut stream) = connected(&device).await;
    device.give(Err(io::Error::other("the cable is out")));
    let error = next_incoming(&mut tunnel).await.unwrap_err();
    assert_eq!(error.to_string(), "the cable is out");
    assert!(stream.read(&mut [0; 8]).await.is_err(), "what is cut off is no end");
}
