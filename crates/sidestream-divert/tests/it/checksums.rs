//! Checksums that were left to a network card.

use proptest::prelude::*;
use sidestream_divert::{Address, Config, Operation, Verdict};
use sidestream_flow::Transport::{Tcp, Udp};
use sidestream_packet::{Checksum, Offload, Packet, build, complete};

use crate::play::{OUT, Play, Who, client, nowhere, server, syn, tcp, udp, who};

/// What a stack hands down whose card writes all checksums.
const NONE: Address =
    Address { ip_checksum: false, tcp_checksum: false, udp_checksum: false, ..OUT };

fn diverting() -> Play {
    let mut play = Play::patient(Config::default());
    play.connected(Tcp, who(1), Verdict::Divert);
    play.event(Operation::Bind, Udp, Who { remote: nowhere(), ..who(2) });
    play.answer(2, Verdict::Divert);
    play
}

proptest! {
    #[test]
    fn the_proxy_can_complete_them_whatever_stood_there(
        payload in prop::collection::vec(any::<u8>(), 0..300),
        junk in any::<[u8; 4]>(),
        v6 in any::<bool>(),
        is_tcp in any::<bool>(),
    ) {
        let (from, to) = if v6 {
            ("[2001:db8::2]:4000".parse().unwrap(), "[2001:db8::1]:443".parse().unwrap())
        } else {
            (client(), server())
        };
        let flags = sidestream_packet::TcpFlags::SYN;
        let good = if is_tcp {
            tcp(from, to, flags, (1, 0), &payload)
        } else {
            udp(from, to, &payload)
        };
        let mut spoiled = good.clone();
        let (start, field) = (if v6 { 40 } else { 20 }, if is_tcp { 16 } else { 6 });
        spoiled[start + field..start + field + 2].copy_from_slice(&junk[..2]);
        if !v6 {
            spoiled[10..12].copy_from_slice(&junk[2..]);
        }
        let mut play = Play::patient(Config::default());
        let transport = if is_tcp { Tcp } else { Udp };
        play.connected(transport, Who { local: from, remote: to, ..who(1) }, Verdict::Divert);
        play.packet_with(&spoiled, NONE);
        let (mut bytes, tag) = play.diverted.pop().unwrap();
        let is_partial = matches!(tag.offload.checksum, Checksum::Partial { .. });
        prop_assert!(is_partial);
        complete(&mut bytes, tag.offload.checksum).unwrap();
        prop_assert_eq!(bytes, good);
    }
}

#[test]
fn a_packet_that_is_passed_keeps_what_it_has() {
    let mut play = Play::patient(Config::default());
    let mut packet = syn(100);
    packet[10..12].copy_from_slice(&[0xab, 0xcd]);
    play.packet_with(&packet, NONE);
    play.connected(Tcp, who(1), Verdict::Pass);
    assert_eq!(play.injected, [(packet, NONE)]);
}

#[test]
fn what_waited_is_completed_as_well() {
    let mut play = Play::patient(Config::default());
    let good = syn(100);
    let mut packet = good.clone();
    packet[10..12].copy_from_slice(&[0xab, 0xcd]);
    play.packet_with(&packet, NONE);
    play.connected(Tcp, who(1), Verdict::Divert);
    let (mut bytes, tag) = play.diverted.pop().unwrap();
    complete(&mut bytes, tag.offload.checksum).unwrap();
    assert_eq!(bytes, good);
}

#[test]
fn a_sum_that_windivert_vouches_for_is_taken_as_it_is() {
    let mut play = diverting();
    play.packet(&syn(100));
    assert_eq!(play.diverted[0].1.offload.checksum, Checksum::Verified);
}

#[test]
fn what_stands_behind_a_packet_is_cut_off_for_the_proxy() {
    let mut play = diverting();
    let good = udp(client(), server(), b"question");
    let mut padded = good.clone();
    padded.extend([9; 13]);
    play.packet_with(&padded, NONE);
    let (mut bytes, tag) = play.diverted.pop().unwrap();
    complete(&mut bytes, tag.offload.checksum).unwrap();
    assert_eq!(bytes, good);
}

#[test]
fn packets_of_the_proxy_leave_whole() {
    let mut play = diverting();
    play.packet(&udp(client(), server(), b"question"));
    // Three in one.
    let mut long = Vec::new();
    build::udp(&mut long, server(), client(), &[7; 2500]).unwrap();
    let offload = Offload { checksum: Checksum::Complete, segment_size: Some(1200) };
    play.reply_with(&long, offload);
    // One whose checksum is to be written: the sum of the pseudo-header is that of all, without.
    let good = udp(server(), client(), b"answer");
    let mut partial = good.clone();
    let sum = sidestream_packet::Sum::default().pseudo_header(
        server().ip(),
        client().ip(),
        17,
        partial.len() - 20,
    );
    partial[26..28].copy_from_slice(&sum.fold().to_be_bytes());
    let checksum = Checksum::Partial { start: 20, offset: 6 };
    play.reply_with(&partial, Offload { checksum, segment_size: None });
    let lens: Vec<_> = play.injected.iter().map(|(packet, _)| packet.len()).collect();
    assert_eq!(lens, [1228, 1228, 128, 34]);
    assert_eq!(play.injected[3].0, good);
    for (packet, address) in &play.injected {
        Packet::parse(packet, Checksum::Complete).unwrap();
        assert!(address.ip_checksum && address.tcp_checksum && address.udp_checksum);
        assert!(!address.outbound && address.interface == OUT.interface);
    }
}
