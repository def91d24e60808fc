//! Prints a line for every packet that is sent into a new device:
//! `cargo run -p sidestream-tun --example packets -- 198.18.0.1/24`.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::net::{IpAddr, Ipv6Addr};

use sidestream_capture::{PacketDriver, Received, recv_packet};
use sidestream_packet::Checksum;
use sidestream_tun::Tun;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut builder = Tun::builder();
    for arg in std::env::args().skip(1) {
        let (address, prefix_len) = arg.split_once('/').ok_or("give ADDRESS/PREFIX_LENGTH")?;
        builder = builder.address(address.parse::<IpAddr>()?, prefix_len.parse()?);
    }
    let tun = builder.open()?;
    println!("{}: {:?}", tun.name(), tun.properties());
    for mut queue in tun.into_queues() {
        let mut buf = vec![0; queue.properties().buffer_len()];
        while let Some(received) = recv_packet(&mut queue, &mut buf).await? {
            println!("{}", line(&buf[..received.len], received));
        }
    }
    Ok(())
}

/// Words a packet: from where to where, the number of its protocol, its length, its offloads.
fn line(packet: &[u8], received: Received) -> String {
    let ends = match packet {
        [0x40..=0x4f, ..] if packet.len() >= 20 => {
            let at = |from: usize| packet[from..].first_chunk::<4>().copied().map(IpAddr::from);
            at(12).zip(at(16)).map(|ends| (ends, packet[9]))
        }
        [0x60..=0x6f, ..] if packet.len() >= 40 => {
            let at = |from: usize| packet[from..].first_chunk().copied().map(Ipv6Addr::from_octets);
            at(8).zip(at(24)).map(|(from, to)| ((from.into(), to.into()), packet[6]))
        }
        _ => None,
    };
    let mut line = match ends {
        Some(((from, to), protocol)) => format!("{from} > {to} protocol {protocol}"),
        None => "not IP".to_owned(),
    };
    line += &format!(" {} bytes", received.len);
    match received.offload.checksum {
        Checksum::Complete => {}
        Checksum::Verified => line += ", verified",
        Checksum::Partial { start, offset } => line += &format!(", sum from {start} to +{offset}"),
    }
    if let Some(size) = received.offload.segment_size {
        line += &format!(", segments of {size}");
    }
    line
}
