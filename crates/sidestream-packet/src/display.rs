//! A packet as one line, much like `tcpdump` writes it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::{IcmpMessage, Packet, TcpOption, TcpSegment, Transport, Unreachable};

impl fmt::Display for Packet<'_> {
    /// Writes ends, what it carries, and of payload the length alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.source(), self.destination());
        match self.transport() {
            Transport::Tcp(tcp) => {
                ends(f, from, tcp.source_port(), to, tcp.destination_port())?;
                segment(f, &tcp)
            }
            Transport::Udp(udp) => {
                ends(f, from, udp.source_port(), to, udp.destination_port())?;
                write!(f, "udp len {}", udp.payload().len())
            }
            Transport::Icmp(message) => {
                write!(f, "{from} > {to}: ")?;
                icmp(f, &message)
            }
            Transport::Fragment(it) => write!(
                f,
                "{from} > {to}: fragment id {:#x} protocol {} {}+{}{}",
                it.id(),
                it.protocol(),
                it.offset(),
                it.payload().len(),
                if it.more() { " more" } else { "" },
            ),
            Transport::Other(protocol) => {
                let len = self.bytes().len() - self.header_len();
                write!(f, "{from} > {to}: protocol {protocol} len {len}")
            }
        }?;
        match self.ecn() {
            0 => Ok(()),
            1 => f.write_str(" ect(1)"),
            2 => f.write_str(" ect(0)"),
            _ => f.write_str(" ce"),
        }
    }
}

fn ends(
    f: &mut fmt::Formatter<'_>,
    from: IpAddr,
    port: u16,
    to: IpAddr,
    to_port: u16,
) -> fmt::Result {
    write!(f, "{} > {}: ", SocketAddr::new(from, port), SocketAddr::new(to, to_port))
}

fn segment(f: &mut fmt::Formatter<'_>, tcp: &TcpSegment<'_>) -> fmt::Result {
    write!(f, "tcp [{}] seq {}", tcp.flags(), tcp.sequence())?;
    if tcp.flags().contains(crate::TcpFlags::ACK) {
        write!(f, " ack {}", tcp.acknowledgment())?;
    }
    write!(f, " win {}", tcp.window())?;
    for (index, option) in tcp.options().enumerate() {
        f.write_str(if index == 0 { " <" } else { ", " })?;
        match option {
            TcpOption::MaximumSegmentSize(size) => write!(f, "mss {size}"),
            TcpOption::Other { kind, data } => write!(f, "option {kind} len {}", data.len()),
            TcpOption::Sack(ranges) => write!(f, "sack {}", ranges.len() / 8),
            TcpOption::SackPermitted => f.write_str("sack ok"),
            TcpOption::Timestamps { value, echo } => write!(f, "ts {value} {echo}"),
            TcpOption::WindowScale(shift) => write!(f, "scale {shift}"),
        }?;
    }
    if tcp.options().next().is_some() {
        f.write_str(">")?;
    }
    write!(f, " len {}", tcp.payload().len())
}

fn icmp(f: &mut fmt::Formatter<'_>, message: &IcmpMessage<'_>) -> fmt::Result {
    let quote = match message {
        IcmpMessage::EchoReply { id, sequence, payload } => {
            return write!(f, "echo reply id {id} seq {sequence} len {}", payload.len());
        }
        IcmpMessage::EchoRequest { id, sequence, payload } => {
            return write!(f, "echo request id {id} seq {sequence} len {}", payload.len());
        }
        IcmpMessage::Other { kind, code } => return write!(f, "icmp type {kind} code {code}"),
        IcmpMessage::PacketTooBig { mtu, quote } => {
            write!(f, "packet too big mtu {mtu}")?;
            quote
        }
        IcmpMessage::TimeExceeded { code, quote } => {
            write!(f, "time exceeded code {code}")?;
            quote
        }
        IcmpMessage::Unreachable { reason, quote } => {
            match reason {
                Unreachable::Host => f.write_str("host unreachable"),
                Unreachable::Network => f.write_str("network unreachable"),
                Unreachable::Other(code) => write!(f, "unreachable code {code}"),
                Unreachable::Port => f.write_str("port unreachable"),
                Unreachable::Prohibited => f.write_str("unreachable: prohibited"),
                Unreachable::Protocol => f.write_str("protocol unreachable"),
            }?;
            quote
        }
    };
    let Some(quote) = quote else { return f.write_str(" (no quote)") };
    match quote.key() {
        Some(key) => write!(f, " ({key})"),
        None => write!(
            f,
            " (protocol {} {} > {})",
            quote.protocol(),
            quote.source(),
            quote.destination()
        ),
    }
}
