//! Several queues of one device.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sidestream_capture::send_packet;
use sidestream_tun::Tun;
use tokio::net::UdpSocket;

use crate::ground::{
    block_on, eventually_as, in_own_network, ip, mirror, network, next, swap_ports, turn_around,
};

#[test]
fn flows_are_spread_over_the_queues() {
    if !in_own_network(module_path!(), "flows_are_spread_over_the_queues") {
        return;
    }
    let before = network();
    let address: IpAddr = "198.18.0.1".parse().unwrap();
    let tun = Tun::builder().name("two").queues(2).address(address, 24).open().unwrap();
    let queues = tun.into_queues();
    assert_eq!(queues.len(), 2);
    let counts: Vec<_> = queues.iter().map(|_| Arc::new(AtomicUsize::new(0))).collect();
    block_on(async {
        for (queue, count) in queues.into_iter().zip(&counts) {
            let count = Arc::clone(count);
            tokio::spawn(mirror(queue, move |packet, _| {
                swap_ports(packet);
                count.fetch_add(1, Ordering::Relaxed);
            }));
        }
        for _ in 0..64 {
            let socket = UdpSocket::bind("198.18.0.1:0").await.unwrap();
            socket.connect("198.18.0.2:7").await.unwrap();
            for said in [b"once", b"more"] {
                socket.send(said).await.unwrap();
                let mut heard = [0; 10];
                assert_eq!(socket.recv(&mut heard).await.unwrap(), 4);
                assert_eq!(&heard[..4], said);
            }
        }
    });
    let counts: Vec<_> = counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
    assert_eq!(counts.iter().sum::<usize>(), 128);
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    eventually_as(&before);
}

#[test]
fn a_flow_comes_by_the_queue_that_it_is_answered_on() {
    if !in_own_network(module_path!(), "a_flow_comes_by_the_queue_that_it_is_answered_on") {
        return;
    }
    let address: IpAddr = "198.18.0.1".parse().unwrap();
    let tun = Tun::builder().name("two").queues(2).address(address, 24).open().unwrap();
    let mut queues = tun.into_queues();
    let came = block_on(async {
        let mut came = Vec::new();
        for number in 0..32 {
            let socket = UdpSocket::bind("198.18.0.1:0").await.unwrap();
            socket.connect("198.18.0.2:7").await.unwrap();
            let answering = number % 2;
            let mut by = Vec::new();
            for _ in 0..3 {
                socket.send(b"said").await.unwrap();
                let [first, second] = &mut queues[..] else { panic!("two were asked for") };
                let (queue, packet) = tokio::select! {
                    packet = next(first) => (0, packet),
                    packet = next(second) => (1, packet),
                };
                by.push(queue);
                let (mut packet, received) = packet.unwrap();
                turn_around(&mut packet);
                let queue = &mut queues[answering];
                send_packet(queue, &packet, received.offload).await.unwrap();
                assert_eq!(socket.recv(&mut [0; 10]).await.unwrap(), 4);
            }
            assert_eq!(by[1..], [answering; 2], "once it was answered there");
            came.push(by[0] == answering);
        }
        came
    });
    // Where nothing was answered yet, either may be the one.
    assert!(came.contains(&true) && came.contains(&false), "{came:?}");
}

#[test]
fn the_device_is_there_as_long_as_one_queue() {
    if !in_own_network(module_path!(), "the_device_is_there_as_long_as_one_queue") {
        return;
    }
    let before = network();
    let tun = Tun::builder().name("three").queues(3).open().unwrap();
    let mut queues = tun.into_queues();
    assert_eq!(queues.len(), 3);
    while !queues.is_empty() {
        assert!(ip("link").contains("three"));
        queues.pop();
    }
    eventually_as(&before);
}
