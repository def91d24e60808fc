//! Serves every connection as an echo server, all in memory: two packets in, and what comes out.

#![expect(clippy::print_stdout, reason = "an example shows")]
#![expect(clippy::disallowed_methods, reason = "an example has a clock")]

use std::error::Error;
use std::time::Instant;

use sidestream_netstack::{Config, Netstack, Output};
use sidestream_packet::{Checksum, Offload, Packet, TcpFlags, Transport, build};

fn main() -> Result<(), Box<dyn Error>> {
    let now = Instant::now();
    let mut stack = Netstack::new(Config::default(), 42, now);
    hand_in(&mut stack, (1, 0), TcpFlags::SYN, b"", now)?;
    let first = serve(&mut stack, now)?.ok_or("the stack did not answer")?;
    hand_in(&mut stack, (2, first + 1), TcpFlags::ACK | TcpFlags::PSH, b"hello", now)?;
    serve(&mut stack, now)?;
    Ok(())
}

/// Does what the stack asks for; returns the number of its SYN, if it sent one.
fn serve(stack: &mut Netstack, now: Instant) -> Result<Option<u32>, Box<dyn Error>> {
    let mut first = None;
    loop {
        match stack.poll_output(now) {
            Output::Packet { bytes, .. } => {
                let packet = Packet::parse(bytes, Checksum::Complete)?;
                println!("{packet}");
                if let Transport::Tcp(tcp) = packet.transport()
                    && tcp.flags().contains(TcpFlags::SYN)
                {
                    first = Some(tcp.sequence());
                }
            }
            Output::Syn { id, .. } => stack.accept(id, now),
            Output::Readable(id) => {
                let mut got = Vec::new();
                stack.read(id, |bytes| {
                    got.extend_from_slice(bytes);
                    bytes.len()
                });
                stack.write(id, &got, now);
            }
            Output::HalfClosed(id) => stack.shutdown(id, now),
            Output::Wait(_) => return Ok(first),
            other => println!("{other:?}"),
        }
    }
}

fn hand_in(
    stack: &mut Netstack,
    (sequence, acknowledgment): (u32, u32),
    flags: TcpFlags,
    payload: &[u8],
    now: Instant,
) -> Result<(), Box<dyn Error>> {
    let header =
        build::TcpHeader { sequence, acknowledgment, flags, window: 1000, ..Default::default() };
    let mut packet = Vec::new();
    let (client, server) = (([10, 0, 0, 2], 4000).into(), ([192, 0, 2, 1], 7).into());
    build::tcp(&mut packet, client, server, &header, payload)?;
    stack.handle_packet(&mut packet, Offload::default(), now);
    Ok(())
}
