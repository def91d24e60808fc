//! A port where packets vanish.

use std::io;
use std::net::{Ipv6Addr, SocketAddr};

use socket2::{Domain, SockFilter, Socket, Type};

/// A port of TCP and UDP that answers nothing, not even a refusal.
#[derive(Debug)]
pub(crate) struct Silence {
    _sockets: [Socket; 2],
}

impl Silence {
    /// Takes the port.
    pub(crate) fn over(port: u16) -> io::Result<Self> {
        let all = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
        let silent = |kind| {
            let socket = Socket::new(Domain::IPV6, kind, None)?;
            socket.set_only_v6(false)?;
            socket.set_reuse_address(true)?;
            // Classic BPF: `return 0`, so nothing of any packet is let in.
            socket.attach_filter(&[SockFilter::new(0x06, 0, 0, 0)])?;
            socket.bind(&all.into())?;
            Ok::<_, io::Error>(socket)
        };
        let (tcp, udp) = (silent(Type::STREAM)?, silent(Type::DGRAM)?);
        tcp.listen(1)?;
        Ok(Self { _sockets: [tcp, udp] })
    }
}
