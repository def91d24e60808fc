//! A link does the same to the same packets, whenever they come.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use sidestream_lab::link::{Shaper, Way};
use sidestream_lab::model::Quality;

const APP: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const ORIGIN: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);

fn ip(protocol: u8, [from, to]: [Ipv4Addr; 2], rest: &[u8]) -> Vec<u8> {
    let len = u16::try_from(20 + rest.len()).unwrap().to_be_bytes();
    let head = [0x45, 0, len[0], len[1], 0, 0, 0, 0, 64, protocol, 0, 0];
    [&head[..], &from.octets(), &to.octets(), rest].concat()
}

fn datagram(port: u16, number: u8) -> Vec<u8> {
    let rest = [&port.to_be_bytes()[..], &7000_u16.to_be_bytes(), &[0, 9, 0, 0, number]].concat();
    ip(17, [APP, ORIGIN], &rest)
}

fn segment(port: u16, seq: u32, flags: u8, len: usize) -> Vec<u8> {
    let ports = [port.to_be_bytes(), 80_u16.to_be_bytes()].concat();
    let rest = [&ports[..], &seq.to_be_bytes(), &[0; 4], &[0x50, flags], &[0; 6]].concat();
    ip(6, [APP, ORIGIN], &[rest, vec![0; len]].concat())
}

/// Sends all, some time between one and the next, and returns those that arrive in their order.
fn carry(quality: &Quality, packets: &[Vec<u8>], pause: Duration) -> (Vec<Vec<u8>>, Duration) {
    let begin = Instant::now();
    let (mut shaper, mut now, mut arrived) = (Shaper::new(quality), begin, Vec::new());
    for packet in packets {
        shaper.handle_packet(Way::There, packet, now);
        now += pause;
        arrived.extend(std::iter::from_fn(|| shaper.poll_packet(now)).map(|(_, packet)| packet));
    }
    while let Some(at) = shaper.next_at() {
        now = at.max(now);
        arrived.extend(std::iter::from_fn(|| shaper.poll_packet(now)).map(|(_, packet)| packet));
    }
    (arrived, now - begin)
}

#[test]
fn the_same_datagrams_are_lost_whatever_the_port_and_the_pace() {
    let quality = Quality { loss: 300, seed: 7, ..Quality::PERFECT };
    let lost = |port: u16, pause: u64| {
        let packets: Vec<_> = (0..40).map(|number| datagram(port, number)).collect();
        let (arrived, _) = carry(&quality, &packets, Duration::from_micros(pause));
        (0..40).filter(|number| !arrived.contains(&datagram(port, *number))).collect::<Vec<_>>()
    };
    let first = lost(40_000, 0);
    assert!((5..20).contains(&first.len()), "{first:?}");
    for run in 1..20 {
        assert_eq!(lost(40_000 + run, u64::from(run) * 700), first);
    }
    let other = Quality { seed: 8, ..quality.clone() };
    let packets: Vec<_> = (0..40).map(|number| datagram(1, number)).collect();
    assert_ne!(carry(&other, &packets, Duration::ZERO), carry(&quality, &packets, Duration::ZERO));
}

#[test]
fn the_same_bytes_of_a_stream_are_lost_however_it_is_cut() {
    let quality = Quality { loss: 100, seed: 3, ..Quality::PERFECT };
    let begin = 0xffff_0000_u32;
    let lost_bytes = |port: u16, pieces: &[usize]| {
        let mut shaper = Shaper::new(&quality);
        let mut send = |packet: &[u8]| shaper.handle_packet(Way::There, packet, Instant::now());
        send(&segment(port, begin, 2, 0));
        let (mut at, mut acks) = (0, pieces.iter().cycle());
        while at < 100_000 {
            let len = *acks.next().unwrap();
            send(&segment(port, begin.wrapping_add(1 + at as u32), 16, len));
            // Acknowledgments have no say.
            (0..len % 3).for_each(|_| send(&segment(port, 1, 16, 0)));
            at += len;
        }
        let words = shaper.lost().iter().map(|line| line.split(' ').nth(3).unwrap().to_owned());
        words.filter(|place| place.parse::<usize>().unwrap() < 100_000).collect::<Vec<_>>()
    };
    let first = lost_bytes(50_000, &[1448]);
    assert!((2..20).contains(&first.len()), "{first:?}");
    for (port, pieces) in
        [(50_001, &[1448, 1448, 600][..]), (50_002, &[999]), (50_003, &[17, 1400])]
    {
        assert_eq!(lost_bytes(port, pieces), first, "{pieces:?}");
    }
}

#[test]
fn what_is_sent_again_has_another_chance_and_a_reset_always_arrives() {
    let quality = Quality { loss: 900, seed: 1, ..Quality::PERFECT };
    let packets = vec![segment(1, 5, 2, 0); 200];
    let (arrived, _) = carry(&quality, &packets, Duration::ZERO);
    assert!((1..60).contains(&arrived.len()), "{}", arrived.len());
    let resets = vec![segment(1, 5, 4, 0); 50];
    assert_eq!(carry(&quality, &resets, Duration::ZERO).0.len(), 50);
}

#[test]
fn packets_are_late_overtaken_doubled_and_slowed_down() {
    let packets: Vec<_> = (0..100).map(|number| datagram(9, number)).collect();
    let check = |quality: Quality, holds: &dyn Fn(&[Vec<u8>], Duration) -> bool| {
        let (arrived, took) = carry(&quality, &packets, Duration::ZERO);
        assert!(holds(&arrived, took), "{quality:?}: {} in {took:?}", arrived.len());
    };
    check(Quality::PERFECT, &|arrived, took| arrived == packets && took.is_zero());
    let delay = Duration::from_millis(40);
    check(Quality { delay, ..Quality::PERFECT }, &|arrived, took| {
        arrived == packets && took == delay
    });
    check(Quality { reorder: 100, ..Quality::PERFECT }, &|arrived, _| {
        let mut sorted = arrived.to_vec();
        sorted.sort();
        arrived != packets && sorted == packets
    });
    check(Quality { duplicate: 100, ..Quality::PERFECT }, &|arrived, _| {
        let mut once = arrived.to_vec();
        once.dedup();
        (101..130).contains(&arrived.len()) && once == packets
    });
    // A hundred packets of 29 bytes.
    check(Quality { rate: Some(2900), ..Quality::PERFECT }, &|arrived, took| {
        arrived == packets && took.abs_diff(Duration::from_secs(1)) < Duration::from_millis(1)
    });
}

#[test]
fn one_that_nobody_overtakes_arrives_all_the_same() {
    let quality = Quality { reorder: 1000, ..Quality::PERFECT };
    let (arrived, took) = carry(&quality, &[datagram(1, 1)], Duration::ZERO);
    assert_eq!((arrived.len(), took), (1, Duration::from_millis(20)));
}

#[test]
fn whatever_comes_is_no_reason_to_stop() {
    let mut shaper = Shaper::new(&Quality { loss: 500, ..Quality::PERFECT });
    let now = Instant::now();
    for len in 0..60 {
        for first in [0x00, 0x45, 0x4f, 0x60] {
            for packet in [segment(1, 2, 2, 9), datagram(1, 2)] {
                let mut packet = packet[..len.min(packet.len())].to_vec();
                packet.iter_mut().take(1).for_each(|byte| *byte = first);
                shaper.handle_packet(Way::Back, &packet, now);
            }
        }
    }
    while shaper.poll_packet(now).is_some() {}
    assert_eq!(shaper.next_at(), None);
}
