//! Reading where the kernel's decisions may change from one address to the next.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

use super::prefix::Prefix;
use crate::sys::imp::netlink::{Message, Netlink, attrs};
use crate::sys::imp::network::address;
use crate::sys::imp::rtnetlink::{
    FRA_DST, IFAL_ADDRESS, LOOPBACK, RTA_DST, RTA_MULTIPATH, RTA_PREFSRC, family, ip, octets,
};

/// The most networks whose source is asked for.
const MAX_PREFIXES: usize = 50_000;
/// The most IPv6 addresses of this host whose distance from a destination is followed.
const MAX_OWN: usize = 32;

/// Attributes of a rule that depend on more than a destination: users, protocols and ports, and
/// whatever was added after them.
const FRA_UID_RANGE: u16 = 20;
const FRA_IP_PROTO: u16 = 22;

const RTM_GETADDRLABEL: u16 = 74;

/// The networks within each of which the kernel decides alike, but for narrower ones.
#[derive(Debug)]
pub(super) struct Borders {
    pub(super) prefixes: BTreeSet<Prefix>,
    /// Whether nothing but the destination decides.
    pub(super) exact: bool,
}

impl Borders {
    /// Reads all tables, rules and what else decides on sources.
    pub(super) fn read(netlink: &Netlink) -> io::Result<Self> {
        let mut borders = Self { prefixes: BTreeSet::new(), exact: true };
        for any in [IpAddr::V4(0.into()), IpAddr::V6(0.into())] {
            borders.routes(netlink, any)?;
            borders.rules(netlink, any)?;
        }
        borders.distances(netlink)?;
        Ok(borders)
    }

    fn routes(&mut self, netlink: &Netlink, any: IpAddr) -> io::Result<()> {
        let (mut essential, mut others) = (Vec::new(), Vec::new());
        dump(netlink, libc::RTM_GETROUTE, any, 12, &mut |body| {
            let &[_, len, _, _, table, protocol, scope, _, ref flags @ ..] = body else { return };
            let Some(prefix) = destination(body, RTA_DST, any, len) else { return };
            let flags = flags.first_chunk().map_or(0, |flags| u32::from_ne_bytes(*flags));
            if flags & libc::RTM_F_CLONED != 0 {
                return;
            }
            let near = table == libc::RT_TABLE_LOCAL
                || protocol == libc::RTPROT_KERNEL
                || any.is_ipv4() && scope == libc::RT_SCOPE_LINK;
            if len == 0 || near {
                essential.push(prefix);
            } else if others.len() <= MAX_PREFIXES {
                others.push(prefix);
            }
            // Which of several paths is taken depends on a hash of the flow.
            let mut attrs = attrs(body.get(12..).unwrap_or_default());
            self.exact &= attrs.all(|(kind, _)| kind != RTA_MULTIPATH);
        })?;
        self.prefixes.extend(essential.into_iter().take(MAX_PREFIXES));
        if others.len() > MAX_PREFIXES {
            self.exact = false;
        } else {
            self.prefixes.extend(others);
        }
        Ok(())
    }

    fn rules(&mut self, netlink: &Netlink, any: IpAddr) -> io::Result<()> {
        dump(netlink, libc::RTM_GETRULE, any, 12, &mut |body| {
            let &[_, len, _, tos, ..] = body else { return };
            self.prefixes.extend(destination(body, FRA_DST, any, len).filter(|_| len > 0));
            let more = attrs(body.get(12..).unwrap_or_default())
                .any(|(kind, _)| kind == FRA_UID_RANGE || kind >= FRA_IP_PROTO);
            // Marks and devices are no matter: a socket that has one is left alone.
            self.exact &= tos == 0 && !more;
        })
    }

    /// An IPv6 destination prefers the source that shares a label and the most bits with it
    /// (RFC 6724 §5, rules 6 and 8).
    fn distances(&mut self, netlink: &Netlink) -> io::Result<()> {
        let any = IpAddr::V6(0.into());
        let mut own = Vec::new();
        dump(netlink, libc::RTM_GETADDR, any, 8, &mut |body| {
            let &[_, len, ..] = body else { return };
            if own.len() <= MAX_OWN {
                own.extend(address(body).map(|addr| (addr, len)));
            }
        })?;
        if own.len() < 2 {
            return Ok(());
        }
        self.exact &= own.len() <= MAX_OWN;
        for (addr, len) in own {
            self.prefixes.extend((1..=len).filter_map(|len| Prefix::new(addr, len)));
        }
        dump(netlink, RTM_GETADDRLABEL, any, 12, &mut |body| {
            let &[_, _, len, ..] = body else { return };
            self.prefixes.extend(destination(body, IFAL_ADDRESS, any, len));
        })
    }
}

/// Asks the kernel from which address it would reach another: `None` if it would not, or not as
/// it reaches a single host.
pub(super) fn source(netlink: &Netlink, destination: IpAddr) -> io::Result<Option<IpAddr>> {
    let bytes = octets(destination);
    let body = [family(destination), bytes.len() as u8 * 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let question = Message::new(libc::RTM_GETROUTE, 0, &body).attr(RTA_DST, &bytes);
    let answer = netlink.ask(question, |body| {
        let kind = *body.get(7)?;
        let found = attrs(body.get(12..)?).find(|(kind, _)| *kind == RTA_PREFSRC)?.1;
        let one = kind == libc::RTN_UNICAST || kind == libc::RTN_LOCAL;
        ip(family(destination), found).filter(|source| one && !source.is_unspecified())
    })?;
    Ok(answer.flatten())
}

/// Asks the kernel whether loopback brings what is sent to an address.
pub(super) fn loops(netlink: &Netlink, addr: IpAddr) -> io::Result<bool> {
    // The route may be there while the device is down.
    let body: Vec<u8> = [0, LOOPBACK, 0, 0].into_iter().flat_map(u32::to_ne_bytes).collect();
    let question = Message::new(libc::RTM_GETLINK, 0, &body);
    let flags = netlink.ask(question, |body| {
        body.get(8..)?.first_chunk().map(|flags| i32::from_ne_bytes(*flags))
    })?;
    let is_up = flags.flatten().is_some_and(|flags| flags & libc::IFF_UP != 0);
    Ok(is_up && is_local(netlink, addr)?)
}

fn is_local(netlink: &Netlink, addr: IpAddr) -> io::Result<bool> {
    let bytes = octets(addr);
    let body = [family(addr), bytes.len() as u8 * 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let question = Message::new(libc::RTM_GETROUTE, 0, &body).attr(RTA_DST, &bytes);
    let answer = netlink.ask(question, |body| body.get(7) == Some(&libc::RTN_LOCAL))?;
    Ok(answer == Some(true))
}

/// Asks for everything of that kind and family.
fn dump(
    netlink: &Netlink,
    kind: u16,
    any: IpAddr,
    len: usize,
    visit: &mut dyn FnMut(&[u8]),
) -> io::Result<()> {
    let mut body = vec![0; len];
    body[0] = family(any);
    let dumped = netlink.dump(Message::new(kind, libc::NLM_F_DUMP, &body), &mut |body| {
        // A kernel without IPv6 answers for the families that it has.
        if body.first() == Some(&family(any)) {
            visit(body);
        }
    });
    match dumped {
        Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => Ok(()),
        other => other,
    }
}

/// Reads the network that a message is about; without that attribute it is about all addresses.
fn destination(body: &[u8], wanted: u16, any: IpAddr, len: u8) -> Option<Prefix> {
    let mut attrs = attrs(body.get(12..)?);
    let addr = match attrs.find(|(kind, _)| *kind == wanted) {
        Some((_, value)) => ip(family(any), value)?,
        None => any,
    };
    Prefix::new(addr, len)
}
