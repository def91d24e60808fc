//! Leading the traffic of others here: a table of nftables that goes with us, and rules and routes
//! of routing, which the keeper removes after us. Without the table they have no effect.

use std::ffi::CString;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::keeper::Keeper;
use crate::sys::imp::netlink::{Message, Netlink, attrs};
use crate::sys::imp::nft::gateway as rules;
use crate::sys::imp::raw;
use crate::sys::imp::rtnetlink::{
    FR_ACT_TO_TBL, FRA_FWMARK, FRA_IIFNAME, FRA_PRIORITY, FRA_PROTOCOL, FRA_TABLE, LOOPBACK,
    RTA_OIF, RTA_TABLE, family,
};
use crate::sys::imp::sockets::transparent;
use crate::sys::imp::wire::SocketKind;
use crate::{GatewayStatus, TransparentError};

/// The marks of gateways, which are also the numbers of their routing tables: the lower half is
/// each one's own, so that what is removed after one is not that of the next.
const MARKS: u32 = 0x5353_0000;
/// Where our rules stand among those of routing: before all that look at the destination.
const PRIORITY: u32 = 100;
/// Who made a rule or route, as `ip` shows it: nobody else's number.
const PROTOCOL: u8 = 83;

/// How long a gateway may take to end gracefully, in milliseconds.
const GRACE: libc::c_int = 3_000;
/// How long one may take that was told to end at once.
const PATIENCE: libc::c_int = 10_000;

/// The traffic of some interfaces, for as long as this lives.
#[derive(Debug)]
pub(super) struct Gateway {
    /// The table goes when this is closed.
    netfilter: Option<Netlink>,
    keeper: Option<Arc<Keeper>>,
}

impl Gateway {
    /// Starts a keeper, and leads what arrives by these interfaces, and is for others, to these
    /// listeners.
    pub(super) fn open(
        interfaces: &[String],
        listeners: &[SocketAddr],
    ) -> Result<(Self, Arc<Keeper>), TransparentError> {
        let netfilter = match interfaces {
            [] => None,
            interfaces => Some(hold(interfaces)?),
        };
        let entries = entries(interfaces, listeners);
        let undo = entries.iter().map(|entry| entry.removal().finish(0)).collect();
        let keeper = Arc::new(Keeper::start(undo).map_err(TransparentError::Keeper)?);
        let gateway = Self { netfilter, keeper: Some(Arc::clone(&keeper)) };
        if let Some(netfilter) = &gateway.netfilter {
            // There is one holder, so what there is of ours beside the table is a left-over.
            clear().map_err(failed)?;
            let route = Netlink::open(libc::NETLINK_ROUTE).map_err(failed)?;
            route.request(entries.iter().map(Entry::addition).collect()).map_err(failed)?;
            rules::fill(netfilter, rules::TABLE, own_mark(), interfaces, listeners)
                .map_err(failed)?;
        }
        Ok((gateway, keeper))
    }
}

/// Makes the table, which leads nothing anywhere yet.
fn hold(interfaces: &[String]) -> Result<Netlink, TransparentError> {
    for name in interfaces {
        if !is_there(name) {
            return Err(TransparentError::NoInterface { name: name.clone() });
        }
    }
    let netfilter = Netlink::open(libc::NETLINK_NETFILTER).map_err(failed)?;
    let comment = format!("pid {} on {}", std::process::id(), interfaces.join(", "));
    if let Err(error) = rules::hold(&netfilter, rules::TABLE, &comment) {
        return Err(match rules::holder(&netfilter) {
            Ok(Some(holder)) => TransparentError::Held { holder },
            _ => failed(error),
        });
    }
    Ok(netfilter)
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // First, so that nothing is marked any more when the mark leads nowhere.
        let led = self.netfilter.take().is_some();
        if let Some(keeper) = &self.keeper {
            keeper.end();
        }
        if !led {
            return;
        }
        // A keeper that was killed removed nothing.
        if let Err(error) = clear() {
            tracing::warn!(%error, "routing rules are left, `sidestream gateway down` removes them");
        }
    }
}

/// Looks what there is of a gateway.
///
/// # Errors
///
/// The caller may not look.
pub fn gateway_status() -> Result<GatewayStatus, TransparentError> {
    let netfilter = Netlink::open(libc::NETLINK_NETFILTER).map_err(failed)?;
    // A refusal is the same answer as that there is none, so the right is asked for.
    has_right().map_err(failed)?;
    let holder = rules::holder(&netfilter).map_err(failed)?;
    Ok(GatewayStatus { holder, entries: left().map_err(failed)?.len() })
}

/// Asks a gateway to end, and waits until it has; after a while it is to end at once. Returns
/// whether there was one.
///
/// # Errors
///
/// The caller may not do that, it is not known which process it is, or it does not end.
pub fn end_gateway() -> Result<bool, TransparentError> {
    let Some(holder) = gateway_status()?.holder else { return Ok(false) };
    let Some(process) = process_of(&holder) else { return Err(TransparentError::Held { holder }) };
    for patience in [GRACE, PATIENCE] {
        // One that has ended meanwhile has ended.
        _ = pidfd_send_signal(&process, Signal::INT);
        let mut fds = [libc::pollfd { fd: process.as_raw_fd(), events: libc::POLLIN, revents: 0 }];
        _ = raw::poll(&mut fds, patience);
        if gateway_status()?.holder.is_none() {
            return Ok(true);
        }
    }
    Err(TransparentError::Held { holder })
}

/// Finds the process that says of itself that it holds the table. One of another pid namespace
/// may have another's number: so it has to be in this network, and the same program as this one.
fn process_of(holder: &str) -> Option<OwnedFd> {
    let pid: i32 = holder.strip_prefix("pid ")?.split(' ').next()?.parse().ok()?;
    let process = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
    let known = |pid: &str| {
        let name = fs::read(format!("/proc/{pid}/comm")).ok()?;
        Some((name, fs::read_link(format!("/proc/{pid}/ns/net")).ok()?))
    };
    known(&pid.to_string()).is_some_and(|its| Some(its) == known("self")).then_some(process)
}

/// Removes what a gateway that was killed has left, and returns how many rules and routes that
/// were.
///
/// # Errors
///
/// There is a gateway, or the caller may not remove its left-overs.
pub fn clear_gateway() -> Result<usize, TransparentError> {
    match gateway_status()? {
        GatewayStatus { holder: Some(holder), .. } => Err(TransparentError::Held { holder }),
        _ => clear().map_err(failed),
    }
}

fn failed(error: io::Error) -> TransparentError {
    match error.kind() {
        io::ErrorKind::PermissionDenied => TransparentError::NoRights(error),
        _ => TransparentError::Rules(error),
    }
}

/// Whether a transparent socket may be made here, which takes the same right as the rules.
pub(super) fn has_right() -> io::Result<()> {
    transparent(SocketKind::Udp4).map(drop)
}

fn is_there(name: &str) -> bool {
    let Ok(name) = CString::new(name) else { return false };
    // SAFETY: the name is a live string.
    unsafe { libc::if_nametoindex(name.as_ptr()) != 0 }
}

fn own_mark() -> u32 {
    MARKS | std::process::id() & 0xffff
}

/// Lists the route of each IP version, and a rule that leads there for each interface.
fn entries(interfaces: &[String], listeners: &[SocketAddr]) -> Vec<Entry> {
    let (mut entries, mark) = (Vec::new(), own_mark());
    for family in listeners.iter().map(|addr| family(addr.ip())) {
        // By interface, so that the mark means nothing when the way back to a client is looked
        // for.
        entries.extend(interfaces.iter().map(|name| Entry::Rule(family, mark, name.clone())));
        entries.extend((!interfaces.is_empty()).then_some(Entry::Route(family, mark)));
    }
    entries
}

fn route(kind: u16, flags: libc::c_int, family: u8, table: u32) -> Message {
    let (scope, local) = (libc::RT_SCOPE_HOST, libc::RTN_LOCAL);
    let body = [family, 0, 0, 0, 0, PROTOCOL, scope, local, 0, 0, 0, 0];
    Message::new(kind, flags, &body).attr_u32(RTA_TABLE, table).attr_u32(RTA_OIF, LOOPBACK)
}

fn rule(kind: u16, flags: libc::c_int, family: u8, mark: u32, interface: &str) -> Message {
    Message::new(kind, flags, &[family, 0, 0, 0, 0, 0, 0, FR_ACT_TO_TBL, 0, 0, 0, 0])
        .attr_str(FRA_IIFNAME, interface)
        .attr_u32(FRA_PRIORITY, PRIORITY)
        .attr_u32(FRA_FWMARK, mark)
        .attr_u32(FRA_TABLE, mark)
        .attr(FRA_PROTOCOL, &[PROTOCOL])
}

/// A rule or a route of ours: its family, its mark or table, and for a rule the interface.
#[derive(Debug)]
enum Entry {
    Rule(u8, u32, String),
    Route(u8, u32),
}

impl Entry {
    fn message(&self, [rule_kind, route_kind]: [u16; 2], flags: libc::c_int) -> Message {
        match self {
            Self::Rule(family, mark, name) => rule(rule_kind, flags, *family, *mark, name),
            Self::Route(family, table) => route(route_kind, flags, *family, *table),
        }
    }

    fn addition(&self) -> Message {
        let flags = libc::NLM_F_ACK | libc::NLM_F_CREATE;
        self.message([libc::RTM_NEWRULE, libc::RTM_NEWROUTE], flags)
    }

    fn removal(&self) -> Message {
        self.message([libc::RTM_DELRULE, libc::RTM_DELROUTE], libc::NLM_F_ACK)
    }
}

/// Lists the rules and routes of ours that there are.
fn left() -> io::Result<Vec<Entry>> {
    let netlink = Netlink::open(libc::NETLINK_ROUTE)?;
    let mut entries = Vec::new();
    for family in [libc::AF_INET as u8, libc::AF_INET6 as u8] {
        let ask = |kind| {
            let body = [family, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            Message::new(kind, libc::NLM_F_DUMP, &body)
        };
        let visit = &mut |body: &[u8]| entries.extend(own_rule(family, body));
        // A kernel without IPv6 has no such rules.
        ignore_absent(netlink.dump(ask(libc::RTM_GETRULE), visit))?;
        let visit = &mut |body: &[u8]| entries.extend(own_route(family, body));
        ignore_absent(netlink.dump(ask(libc::RTM_GETROUTE), visit))?;
    }
    Ok(entries)
}

fn ignore_absent(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error)
            if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EAFNOSUPPORT)) =>
        {
            Ok(())
        }
        done => done,
    }
}

fn number(body: &[u8], wanted: u16) -> Option<u32> {
    let (_, value) = attrs(body.get(12..)?).find(|(kind, _)| *kind == wanted)?;
    value.first_chunk().map(|value| u32::from_ne_bytes(*value))
}

fn own_rule(asked: u8, body: &[u8]) -> Option<Entry> {
    let of = |wanted| attrs(body.get(12..)?).find(|(kind, _)| *kind == wanted).map(|(_, v)| v);
    let mark = number(body, FRA_FWMARK)?;
    let is_own = body.first() == Some(&asked)
        && of(FRA_PROTOCOL) == Some(&[PROTOCOL])
        && is_mark(mark)
        && number(body, FRA_TABLE) == Some(mark);
    let name = of(FRA_IIFNAME)?.strip_suffix(b"\0")?;
    is_own.then(|| Entry::Rule(asked, mark, String::from_utf8_lossy(name).into_owned()))
}

fn own_route(asked: u8, body: &[u8]) -> Option<Entry> {
    let [family, 0, _, _, _, PROTOCOL, ..] = *body else { return None };
    let table = number(body, RTA_TABLE)?;
    (family == asked && is_mark(table)).then_some(Entry::Route(family, table))
}

fn is_mark(mark: u32) -> bool {
    mark & 0xffff_0000 == MARKS
}

/// Removes the rules and routes of ours, and returns how many they were.
fn clear() -> io::Result<usize> {
    let entries = left()?;
    let netlink = Netlink::open(libc::NETLINK_ROUTE)?;
    for entry in &entries {
        match netlink.request(vec![entry.removal()]) {
            // Somebody else was faster.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH)) => {}
            done => done?,
        }
    }
    Ok(entries.len())
}
