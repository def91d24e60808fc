//! What the kernel says of a device, and how it is told to change.

use std::io;
use std::net::IpAddr;

use super::netlink::{Message, Netlink, attr};
use crate::builder::Prefix;

const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINKINFO: u16 = 18;
const IFLA_AF_SPEC: u16 = 26;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
const IFLA_TUN_TYPE: u16 = 3;
const IFLA_TUN_PI: u16 = 4;
const IFLA_TUN_VNET_HDR: u16 = 5;
const IFLA_TUN_PERSIST: u16 = 6;
const IFLA_TUN_MULTI_QUEUE: u16 = 7;
const IFLA_TUN_NUM_QUEUES: u16 = 8;
const IFLA_TUN_NUM_DISABLED_QUEUES: u16 = 9;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_FLAGS: u16 = 8;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_TABLE: u16 = 15;

/// The length of what stands before the attributes.
const LINK_LEN: usize = 16;
const ADDRESS_LEN: usize = 8;
const ROUTE_LEN: usize = 12;

/// No address that programs could take for their source is made up.
const NO_ADDRESSES: u8 = 1;

/// What of a device can be changed, and put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) index: u32,
    pub(super) flags: u32,
    pub(super) mtu: u32,
    /// How IPv6 makes addresses up; `None` where the device has no IPv6.
    pub(super) addr_gen_mode: Option<u8>,
    /// `None`: it is no TUN device.
    pub(super) tun: Option<TunInfo>,
}

/// What only a TUN device has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TunInfo {
    pub(super) packet_info: bool,
    pub(super) vnet_header: bool,
    pub(super) multi_queue: bool,
    pub(super) persistent: bool,
    /// How many queues somebody has opened.
    pub(super) queues: u32,
}

/// Looks a device up by its name.
pub(super) fn find(netlink: &Netlink, name: &str) -> io::Result<Option<Link>> {
    let name = [name.as_bytes(), &[0]].concat();
    let question = Message::new(libc::RTM_GETLINK, libc::NLM_F_ACK, &[0; LINK_LEN]);
    let mut link = None;
    match netlink.ask(question.attr(IFLA_IFNAME, &name), &mut |body| link = read(body)) {
        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
        answered => answered.map(|()| link),
    }
}

fn read(body: &[u8]) -> Option<Link> {
    let [_, _, _, _, i0, i1, i2, i3, f0, f1, f2, f3, ..] = *body else { return None };
    let attributes = body.get(LINK_LEN..)?;
    let v6 =
        attr(attributes, IFLA_AF_SPEC).and_then(|families| attr(families, libc::AF_INET6 as u16));
    Some(Link {
        index: u32::from_ne_bytes([i0, i1, i2, i3]),
        flags: u32::from_ne_bytes([f0, f1, f2, f3]),
        mtu: u32_of(attr(attributes, IFLA_MTU)?)?,
        addr_gen_mode: v6.and_then(|v6| attr(v6, IFLA_INET6_ADDR_GEN_MODE)?.first().copied()),
        tun: attr(attributes, IFLA_LINKINFO).and_then(read_tun),
    })
}

fn read_tun(info: &[u8]) -> Option<TunInfo> {
    let data = attr(info, IFLA_INFO_DATA)?;
    let byte = |kind| attr(data, kind).and_then(|value| value.first()).copied().unwrap_or_default();
    let count = |kind| attr(data, kind).and_then(u32_of).unwrap_or_default();
    let tun = attr(info, IFLA_INFO_KIND)?.starts_with(b"tun")
        && i32::from(byte(IFLA_TUN_TYPE)) == libc::IFF_TUN;
    tun.then(|| TunInfo {
        packet_info: byte(IFLA_TUN_PI) != 0,
        vnet_header: byte(IFLA_TUN_VNET_HDR) != 0,
        multi_queue: byte(IFLA_TUN_MULTI_QUEUE) != 0,
        persistent: byte(IFLA_TUN_PERSIST) != 0,
        queues: count(IFLA_TUN_NUM_QUEUES) + count(IFLA_TUN_NUM_DISABLED_QUEUES),
    })
}

fn u32_of(value: &[u8]) -> Option<u32> {
    value.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

fn change(index: u32, flags: i32, mask: i32) -> Message {
    let words = [0, index, flags as u32, mask as u32];
    let body: Vec<u8> = words.into_iter().flat_map(u32::to_ne_bytes).collect();
    Message::new(libc::RTM_NEWLINK, 0, &body)
}

/// Makes the kernel send nothing by itself: no link-local address, no multicast.
pub(super) fn quiet(link: &Link) -> Message {
    generate(change(link.index, 0, libc::IFF_MULTICAST), link.addr_gen_mode.map(|_| NO_ADDRESSES))
}

fn generate(message: Message, mode: Option<u8>) -> Message {
    let Some(mode) = mode else { return message };
    message.nested(IFLA_AF_SPEC, |message| {
        message.nested(libc::AF_INET6 as u16, |message| {
            message.attr(IFLA_INET6_ADDR_GEN_MODE, &[mode])
        })
    })
}

pub(super) fn set_mtu(index: u32, mtu: u32) -> Message {
    change(index, 0, 0).attr(IFLA_MTU, &mtu.to_ne_bytes())
}

pub(super) fn up(index: u32) -> Message {
    change(index, libc::IFF_UP, libc::IFF_UP)
}

/// Makes a device what it was.
pub(super) fn put_back(link: &Link) -> Message {
    let mask = libc::IFF_UP | libc::IFF_MULTICAST;
    let message = change(link.index, link.flags as i32 & mask, mask);
    generate(message.attr(IFLA_MTU, &link.mtu.to_ne_bytes()), link.addr_gen_mode)
}

/// Lists the addresses of a device.
pub(super) fn addresses(netlink: &Netlink, index: u32) -> io::Result<Vec<Prefix>> {
    let question = Message::new(libc::RTM_GETADDR, libc::NLM_F_DUMP, &[0; ADDRESS_LEN]);
    let mut found = Vec::new();
    netlink.ask(question, &mut |body| {
        let [_, prefix_len, _, _, i0, i1, i2, i3, ..] = *body else { return };
        let attributes = body.get(ADDRESS_LEN..).unwrap_or_default();
        // Where both are there, the other one is that of the far end.
        let ip = attr(attributes, IFA_LOCAL).or_else(|| attr(attributes, IFA_ADDRESS));
        if let (true, Some(ip)) =
            (u32::from_ne_bytes([i0, i1, i2, i3]) == index, ip.and_then(ip_of))
        {
            found.push((ip, prefix_len));
        }
    })?;
    Ok(found)
}

/// Adds an address (`RTM_NEWADDR`) or takes it away (`RTM_DELADDR`).
pub(super) fn address(kind: u16, index: u32, (ip, prefix_len): Prefix) -> Message {
    let [i0, i1, i2, i3] = index.to_ne_bytes();
    let body = [family(ip), prefix_len, 0, libc::RT_SCOPE_UNIVERSE, i0, i1, i2, i3];
    let flags = if kind == libc::RTM_NEWADDR { libc::NLM_F_CREATE | libc::NLM_F_EXCL } else { 0 };
    let message = Message::new(kind, flags, &body);
    message.attr(IFA_LOCAL, &octets(ip)).attr(IFA_ADDRESS, &octets(ip))
}

/// Adds an address that is ready at once: nobody else on this link could have it.
pub(super) fn own_address(index: u32, it: Prefix) -> Message {
    let message = address(libc::RTM_NEWADDR, index, it);
    message.attr(IFA_FLAGS, &libc::IFA_F_NODAD.to_ne_bytes())
}

/// Whether there is a route through a device, in that table.
pub(super) fn has_route(
    netlink: &Netlink,
    table: u8,
    index: u32,
    wanted: Prefix,
) -> io::Result<bool> {
    let mut body = [0; ROUTE_LEN];
    body[0] = family(wanted.0);
    let question = Message::new(libc::RTM_GETROUTE, libc::NLM_F_DUMP, &body);
    let mut found = false;
    netlink.ask(question, &mut |body| {
        let [family, len, ..] = *body else { return };
        let attributes = body.get(ROUTE_LEN..).unwrap_or_default();
        let number = |kind| attr(attributes, kind).and_then(u32_of);
        let to = attr(attributes, RTA_DST);
        found |= (family, len) == (self::family(wanted.0), wanted.1)
            && number(RTA_TABLE) == Some(u32::from(table))
            && number(RTA_OIF) == Some(index)
            && (wanted.1 == 0 || to == Some(&octets(wanted.0)[..]));
    })?;
    Ok(found)
}

/// Adds a route (`RTM_NEWROUTE`) or takes it away (`RTM_DELROUTE`).
pub(super) fn route(kind: u16, index: u32, (ip, prefix_len): Prefix) -> Message {
    let (table, protocol) = (libc::RT_TABLE_MAIN, libc::RTPROT_STATIC);
    let scope = if ip.is_ipv4() { libc::RT_SCOPE_LINK } else { libc::RT_SCOPE_UNIVERSE };
    let body =
        [family(ip), prefix_len, 0, 0, table, protocol, scope, libc::RTN_UNICAST, 0, 0, 0, 0];
    let flags = if kind == libc::RTM_NEWROUTE { libc::NLM_F_CREATE | libc::NLM_F_EXCL } else { 0 };
    let message = Message::new(kind, flags, &body).attr(RTA_OIF, &index.to_ne_bytes());
    if prefix_len == 0 { message } else { message.attr(RTA_DST, &octets(ip)) }
}

fn family(ip: IpAddr) -> u8 {
    (if ip.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 }) as u8
}

fn ip_of(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}
