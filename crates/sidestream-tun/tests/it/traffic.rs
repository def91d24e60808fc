//! What programs send, and what they receive.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use sidestream_capture::{PacketDriver, Received, send_packet};
use sidestream_packet::{Checksum, Offload};
use sidestream_tun::{Queue, Tun};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::ground::{block_on, in_own_network, mirror, next, swap_ports, transport};

const MIB: usize = 1 << 20;

/// A device with an address of each family, of which the other end is .2 and ::2.
fn open(mtu: u32) -> Queue {
    let (v4, v6): (IpAddr, IpAddr) = ("198.18.0.1".parse().unwrap(), "fd00::1".parse().unwrap());
    let tun = Tun::builder().mtu(mtu).address(v4, 24).address(v6, 64).open().unwrap();
    assert_eq!(tun.properties().mtu, mtu as usize);
    tun.into_queues().remove(0)
}

/// Sends bytes from a program to a program, by way of the mirror, and returns what the mirror saw.
async fn carry(queue: Queue, [here, there]: [&str; 2], len: usize) -> Vec<(Vec<u8>, Received)> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let mirror = tokio::spawn(mirror(queue, move |packet, received| {
        noted.lock().unwrap().push((packet.clone(), received));
    }));
    let listener = TcpListener::bind((here, 0)).await.unwrap();
    let there = SocketAddr::new(there.parse().unwrap(), listener.local_addr().unwrap().port());
    let sent: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
    let expected = sent.clone();
    let client = async {
        let mut client = TcpStream::connect(there).await.unwrap();
        client.write_all(&sent).await.unwrap();
        client.shutdown().await.unwrap();
    };
    let server = async {
        let (mut server, _) = listener.accept().await.unwrap();
        let mut received = Vec::new();
        server.read_to_end(&mut received).await.unwrap();
        received
    };
    let ((), received) = tokio::join!(client, server);
    assert!(received == expected, "the bytes are not the same");
    mirror.abort();
    std::mem::take(&mut seen.lock().unwrap())
}

fn check_segments(ends: [&str; 2], start: u16) {
    let mtu = 1500;
    let seen = block_on(async { carry(open(mtu), ends, 4 * MIB).await });
    for (packet, received) in &seen {
        assert_eq!(received.len, packet.len());
        let partial = Checksum::Partial { start, offset: 16 };
        // What a socket that has closed says in passing is whole.
        assert!(received.offload.checksum == partial || received.len < 100, "{received:?}");
        // Whatever does not fit is told to be cut, into what fits.
        let size = received.offload.segment_size.map(usize::from);
        assert_eq!(size.is_some(), packet.len() > mtu as usize, "{received:?}");
        assert!(size.is_none_or(|size| size + usize::from(start) + 20 <= mtu as usize));
    }
    assert!(seen.iter().any(|(packet, _)| packet.len() > 10 * mtu as usize));
}

#[test]
fn tcp_comes_and_goes_in_packets_longer_than_the_mtu() {
    if in_own_network(module_path!(), "tcp_comes_and_goes_in_packets_longer_than_the_mtu") {
        check_segments(["198.18.0.1", "198.18.0.2"], 20);
    }
}

#[test]
fn tcp_over_ipv6_does_so_too() {
    if in_own_network(module_path!(), "tcp_over_ipv6_does_so_too") {
        check_segments(["fd00::1", "fd00::2"], 40);
    }
}

#[test]
fn without_offloads_nothing_is_left_to_do() {
    if !in_own_network(module_path!(), "without_offloads_nothing_is_left_to_do") {
        return;
    }
    block_on(async {
        let address: IpAddr = "198.18.0.1".parse().unwrap();
        let tun = Tun::builder().mtu(1500).offloads(false).address(address, 24).open().unwrap();
        let properties = tun.properties();
        assert_eq!((properties.checksums, properties.segmented), (false, 0));
        let queue = tun.into_queues().remove(0);
        for (packet, received) in carry(queue, ["198.18.0.1", "198.18.0.2"], MIB).await {
            assert!(packet.len() <= 1500);
            assert!(!matches!(received.offload.checksum, Checksum::Partial { .. }));
            assert_eq!(received.offload.segment_size, None);
        }
    });
}

#[test]
fn a_datagram_is_answered_by_hand() {
    if !in_own_network(module_path!(), "a_datagram_is_answered_by_hand") {
        return;
    }
    block_on(async {
        let queue = open(65_520);
        tokio::spawn(mirror(queue, |packet, _| swap_ports(packet)));
        for (here, there) in [("198.18.0.1", "198.18.0.2"), ("fd00::1", "fd00::2")] {
            let socket = UdpSocket::bind((here, 0)).await.unwrap();
            socket.connect((there, 7)).await.unwrap();
            for len in [0, 1, 1472, 60_000] {
                let sent: Vec<u8> = (0..len).map(|at| at as u8).collect();
                socket.send(&sent).await.unwrap();
                let mut buf = vec![0; 65_536];
                let len = socket.recv(&mut buf).await.unwrap();
                assert!(buf[..len] == sent, "{here}: {len} bytes of {}", sent.len());
            }
        }
    });
}

/// A packet that stands for several datagrams, made of one that the kernel has sent: it has the
/// lengths and the sum of its own.
fn grown(mut packet: Vec<u8>, payload: &[u8]) -> Vec<u8> {
    let start = transport(&packet);
    packet.truncate(start + 8);
    packet.extend(payload);
    let len = (packet.len() - start) as u16;
    packet[start + 4..start + 6].copy_from_slice(&len.to_be_bytes());
    let addresses = if start == 20 { 12..20 } else { 8..40 };
    let pseudo = sum(&packet[addresses], 17 + u32::from(len));
    packet[start + 6..start + 8].copy_from_slice(&pseudo.to_be_bytes());
    if start == 20 {
        let whole = packet.len() as u16;
        packet[2..4].copy_from_slice(&whole.to_be_bytes());
        packet[10..12].fill(0);
        let header = !sum(&packet[..20], 0);
        packet[10..12].copy_from_slice(&header.to_be_bytes());
    } else {
        packet[4..6].copy_from_slice(&len.to_be_bytes());
    }
    packet
}

fn sum(bytes: &[u8], init: u32) -> u16 {
    let words = bytes.chunks(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])));
    let mut sum = init + words.sum::<u32>();
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[test]
fn datagrams_of_one_packet_arrive_one_by_one() {
    if !in_own_network(module_path!(), "datagrams_of_one_packet_arrive_one_by_one") {
        return;
    }
    block_on(async {
        let mut queue = open(1500);
        for (here, there) in [("198.18.0.1", "198.18.0.2"), ("fd00::1", "fd00::2")] {
            let socket = UdpSocket::bind((here, 0)).await.unwrap();
            socket.connect((there, 7)).await.unwrap();
            socket.send(b"model").await.unwrap();
            let (mut model, _) = next(&mut queue).await.unwrap();
            swap_ports(&mut model);
            let start = transport(&model);
            let (source, destination) =
                if start == 20 { (12..16, 16..20) } else { (8..24, 24..40) };
            let ours = model[source.clone()].to_vec();
            model.copy_within(destination.clone(), source.start);
            model[destination].copy_from_slice(&ours);

            let payload: Vec<u8> = (0..4500).map(|at| (at / 1000) as u8).collect();
            let checksum = Checksum::Partial { start: start as u16, offset: 6 };
            let offload = Offload { checksum, segment_size: Some(1000) };
            let sent = send_packet(&mut queue, &grown(model, &payload), offload).await;
            if !queue.properties().segmented_udp {
                // Kernels before 6.2 know no such packets, and say so.
                assert_eq!(sent.unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
                continue;
            }
            sent.unwrap();
            for (number, len) in [(0, 1000), (1, 1000), (2, 1000), (3, 1000), (4, 500)] {
                let mut buf = [0; 2000];
                assert_eq!(socket.recv(&mut buf).await.unwrap(), len);
                assert!(buf[..len].iter().all(|byte| *byte == number));
            }
        }
    });
}

#[test]
fn what_is_no_packet_is_refused_and_the_next_one_taken() {
    if !in_own_network(module_path!(), "what_is_no_packet_is_refused_and_the_next_one_taken") {
        return;
    }
    block_on(async {
        let mut queue = open(1500);
        let partial = |start, offset| Checksum::Partial { start, offset };
        let of = |checksum, segment_size| Offload { checksum, segment_size };
        let lies = [
            (vec![], Offload::default()),
            (vec![0; 60], Offload::default()),
            (vec![0x45; 30], of(partial(20, 16), None)),
            (vec![0x45; 60], of(partial(65_535, 65_535), None)),
            (vec![0x45; 3000], of(Checksum::Complete, Some(1000))),
            (vec![0x45; 3000], of(partial(20, 16), Some(0))),
            (vec![0x45; 70_000], Offload::default()),
        ];
        for (packet, offload) in lies {
            let refused = send_packet(&mut queue, &packet, offload).await.unwrap_err();
            assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput, "{offload:?}");
        }
        let mut small = [0; 100];
        let refused = sidestream_capture::recv_packet(&mut queue, &mut small).await.unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput);
        carry(queue, ["198.18.0.1", "198.18.0.2"], MIB).await;
    });
}
