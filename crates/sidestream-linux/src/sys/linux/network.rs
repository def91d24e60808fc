//! Addresses, routes and rules: what the host has is read, and made alike inside.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use super::netlink::{Message, Netlink, attrs};
use super::nft::TAKEN;
use super::rtnetlink::{
    FR_ACT_TO_TBL, FRA_FWMARK, FRA_PRIORITY, FRA_TABLE, IFA_ADDRESS, IFA_LOCAL, LOOPBACK, RTA_DST,
    RTA_OIF, RTA_PREFSRC, RTA_TABLE, family, ip, octets,
};

/// The routing table of what is taken aside.
const TABLE: u32 = 5353;
/// The most routes that are copied beside the default ones.
const MAX_ROUTES: usize = 64;

/// What a program can see of the host's network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Host {
    addresses: Vec<IpAddr>,
    /// Destination, prefix length, and the source that the host takes for it.
    routes: Vec<(IpAddr, u8, IpAddr)>,
}

impl Host {
    /// Reads the network of the caller.
    pub(super) fn read() -> io::Result<Self> {
        let netlink = Netlink::open(libc::NETLINK_ROUTE)?;
        let mut host = Self::default();
        for family in [libc::AF_INET as u8, libc::AF_INET6 as u8] {
            let ask = |kind, len| {
                let mut body = vec![0; len];
                body[0] = family;
                Message::new(kind, libc::NLM_F_DUMP, &body)
            };
            netlink.dump(ask(libc::RTM_GETADDR, 8), &mut |body| {
                host.addresses.extend(address(body));
            })?;
            let (mut found, mut default) = (Vec::new(), None);
            netlink.dump(ask(libc::RTM_GETROUTE, 12), &mut |body| match route(body) {
                Some((any, 0)) => default = Some((any, 0)),
                Some(route) if found.len() < MAX_ROUTES => found.push(route),
                _ => {}
            })?;
            for (destination, prefix) in default.into_iter().chain(found) {
                if let Some(source) = source_for(destination, prefix) {
                    host.routes.push((destination, prefix, source));
                }
            }
        }
        Ok(host)
    }

    /// Makes the namespace behind that socket look like this host.
    pub(super) fn make(&self, netlink: &Netlink) -> io::Result<()> {
        let up = [&[0; 4][..], &LOOPBACK.to_ne_bytes(), &[libc::IFF_UP as u8, 0, 0, 0, 1, 0, 0, 0]];
        netlink.request(vec![Message::new(libc::RTM_NEWLINK, libc::NLM_F_ACK, &up.concat())])?;
        let create = libc::NLM_F_ACK | libc::NLM_F_CREATE;
        let mut messages = Vec::new();
        for ip in &self.addresses {
            let (family, bits) = (family(*ip), octets(*ip).len() as u8 * 8);
            let flags = libc::IFA_F_NODAD as u8;
            let body = [&[family, bits, flags, 0][..], &LOOPBACK.to_ne_bytes()].concat();
            let message = Message::new(libc::RTM_NEWADDR, create, &body);
            messages.push(message.attr(IFA_LOCAL, &octets(*ip)).attr(IFA_ADDRESS, &octets(*ip)));
        }
        for any in [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)] {
            if self.lacks(any) {
                continue;
            }
            let rule = [family(any), 0, 0, 0, 0, 0, 0, FR_ACT_TO_TBL, 0, 0, 0, 0];
            messages.push(
                Message::new(libc::RTM_NEWRULE, create, &rule)
                    .attr_u32(FRA_PRIORITY, 100)
                    .attr_u32(FRA_FWMARK, TAKEN)
                    .attr_u32(FRA_TABLE, TABLE),
            );
            let (scope, kind) = (libc::RT_SCOPE_HOST, libc::RTN_LOCAL);
            messages.push(new_route(any, 0, scope, kind).attr_u32(RTA_TABLE, TABLE));
        }
        for (destination, prefix, source) in &self.routes {
            let scope = match destination {
                IpAddr::V4(_) => libc::RT_SCOPE_LINK,
                IpAddr::V6(_) => libc::RT_SCOPE_UNIVERSE,
            };
            let route = new_route(*destination, *prefix, scope, libc::RTN_UNICAST)
                .attr_u32(RTA_TABLE, u32::from(libc::RT_TABLE_MAIN))
                .attr(RTA_PREFSRC, &octets(*source));
            messages.push(route);
        }
        netlink.request(messages)
    }

    /// Whether the host does not speak that family at all.
    fn lacks(&self, any: IpAddr) -> bool {
        any.is_ipv6() && !self.has_v6()
    }

    /// Whether the host speaks IPv6, be it to itself only.
    pub(super) fn has_v6(&self) -> bool {
        UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
            || self.addresses.iter().any(IpAddr::is_ipv6)
    }
}

fn new_route(destination: IpAddr, prefix: u8, scope: u8, kind: u8) -> Message {
    let flags = libc::NLM_F_ACK | libc::NLM_F_CREATE | libc::NLM_F_REPLACE;
    let body = [family(destination), prefix, 0, 0, 0, libc::RTPROT_STATIC, scope, kind, 0, 0, 0, 0];
    let message = Message::new(libc::RTM_NEWROUTE, flags, &body).attr_u32(RTA_OIF, LOOPBACK);
    if prefix == 0 { message } else { message.attr(RTA_DST, &octets(destination)) }
}

/// Reads an address that other hosts know.
pub(super) fn address(body: &[u8]) -> Option<IpAddr> {
    let [family, _, flags, scope, ..] = *body else { return None };
    let unready = libc::IFA_F_TENTATIVE | libc::IFA_F_DADFAILED;
    if scope != libc::RT_SCOPE_UNIVERSE || u32::from(flags) & unready != 0 {
        return None;
    }
    let attrs = attrs(body.get(8..)?).filter_map(|(kind, value)| Some((kind, ip(family, value)?)));
    let attrs: Vec<_> = attrs.collect();
    let of = |wanted| attrs.iter().find(|(kind, _)| *kind == wanted).map(|(_, ip)| *ip);
    // On a point-to-point link the address is the other end's, and the local one is ours.
    of(IFA_LOCAL).or_else(|| of(IFA_ADDRESS))
}

/// Reads an ordinary route of the main table: destination and prefix length.
fn route(body: &[u8]) -> Option<(IpAddr, u8)> {
    let [family, prefix, _, _, table, _, _, kind, ..] = *body else { return None };
    if table != libc::RT_TABLE_MAIN || kind != libc::RTN_UNICAST {
        return None;
    }
    let any = match i32::from(family) {
        libc::AF_INET => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        libc::AF_INET6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        _ => return None,
    };
    let destination =
        attrs(body.get(12..)?).find(|(kind, _)| *kind == RTA_DST).and_then(|(_, v)| ip(family, v));
    let link_local = matches!(destination, Some(IpAddr::V6(ip)) if ip.is_unicast_link_local());
    (!link_local).then_some((destination.unwrap_or(any), prefix))
}

/// Asks the kernel which source it takes; connecting a datagram socket sends nothing.
fn source_for(destination: IpAddr, prefix: u8) -> Option<IpAddr> {
    let (any, probe): (IpAddr, IpAddr) = match destination {
        // Any address that no narrower route has.
        IpAddr::V4(ip) if ip.is_unspecified() => {
            (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(198, 51, 100, 1).into())
        }
        IpAddr::V6(ip) if ip.is_unspecified() => {
            (Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into())
        }
        // Before Linux 5.14 the lowest address of a network is one of its broadcast addresses.
        IpAddr::V4(ip) if prefix < 32 => {
            (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::from_bits(ip.to_bits() | 1).into())
        }
        IpAddr::V4(ip) => (Ipv4Addr::UNSPECIFIED.into(), ip.into()),
        IpAddr::V6(ip) => (Ipv6Addr::UNSPECIFIED.into(), ip.into()),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((probe, 9)).ok()?;
    let source = socket.local_addr().ok()?.ip();
    (!source.is_unspecified() && !source.is_loopback()).then_some(source)
}
