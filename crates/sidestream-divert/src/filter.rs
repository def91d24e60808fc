//! The texts of WinDivert's filters, which ask for as little as can be said.
//!
//! What a filter does not ask for never leaves the kernel. It knows no processes at the NETWORK
//! layer, so what it can say is where packets go. A test of a field that a packet does not have
//! fails, whichever way it compares: the texts rely on it, and so use no `not` but on flags.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sidestream_spec::{Matcher, Net, Spec};

use crate::Config;

/// How many tests a filter may have (`WINDIVERT_FILTER_MAXLEN`), with some to spare.
const MAX_TESTS: usize = 240;
/// How many tests stand in every filter of packets, at most.
const FRAME_TESTS: usize = 24;
/// How many broadcast addresses a filter names. The machine knows all of them.
const MAX_BROADCASTS: usize = 16;

/// Where packets must go so that a spec can be about them.
///
/// It never leaves out what the spec would divert; what it lets through, the spec may pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Where they must go, to any of these; everywhere if `None`.
    only: Option<Vec<Place>>,
    /// Where they must not go.
    never: Vec<Place>,
}

/// A place where packets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Net(Net),
    Port(u16),
}

impl Scope {
    /// Reads it off a spec.
    pub fn of(spec: &Spec) -> Self {
        let starts_with_all = spec.items().next().is_some_and(|item| item.excludes());
        let included = spec.items().filter(|item| !item.excludes());
        // One inclusion that does not say where is about everywhere.
        let only = included.map(|item| place(item.matcher())).collect::<Option<_>>();
        // What is excluded last is excluded whatever stood before.
        let last = spec.items().rev().take_while(|item| item.excludes());
        let never = last.filter_map(|item| place(item.matcher())).collect();
        Self { only: only.filter(|_| !starts_with_all), never }
    }

    /// Whether a spec can be about packets to that address.
    pub fn admits(&self, server: SocketAddr) -> bool {
        let is_at = |place: &Place| match place {
            Place::Net(net) => net.contains(server.ip()),
            Place::Port(port) => server.port() == *port,
        };
        self.only.as_ref().is_none_or(|only| only.iter().any(is_at))
            && !self.never.iter().any(is_at)
    }

    /// Whether there are no such packets.
    fn is_empty(&self) -> bool {
        self.only.as_ref().is_some_and(Vec::is_empty)
    }

    fn tests(&self) -> usize {
        2 * self.only.as_ref().map_or(0, Vec::len) + 3 * self.never.len()
    }
}

fn place(matcher: &Matcher) -> Option<Place> {
    match matcher {
        Matcher::Net(net) => Some(Place::Net(*net)),
        Matcher::Port(port) => Some(Place::Port(*port)),
        Matcher::Host(_) | Matcher::Process(_) | Matcher::Tree(_) => None,
    }
}

/// Returns the filter for the NETWORK layer.
///
/// Where a spec names more places than a filter can, they are left out of it, and the machine's
/// caller decides.
///
/// ```
/// use sidestream_divert::{Config, filter};
///
/// let filter = filter::packets(&"port:443".parse()?, &Config::default());
/// assert!(filter.ends_with("and (tcp.DstPort == 443 or udp.DstPort == 443)))"), "{filter}");
/// # Ok::<(), sidestream_spec::ParseSpecError>(())
/// ```
pub fn packets(spec: &Spec, config: &Config) -> String {
    let scope = Scope::of(spec);
    if scope.is_empty() {
        return "false".to_owned();
    }
    let mut text = String::new();
    if !config.inbound {
        text.push_str("outbound and ");
    }
    if !config.loopback {
        text.push_str("!loopback and ");
    }
    text.push_str("!impostor and !fragment and ((ip.DstAddr < 224.0.0.0");
    if !config.link_local {
        text.push_str(" and (ip.DstAddr < 169.254.0.0 or ip.DstAddr > 169.254.255.255)");
    }
    for addr in config.broadcasts.iter().take(MAX_BROADCASTS) {
        put(&mut text, format_args!(" and ip.DstAddr != {addr}"));
    }
    let end = if config.link_local { "ff00::" } else { "fe80::" };
    put(&mut text, format_args!(") or ipv6.DstAddr < {end}) and "));
    // Errors about what the proxy sent to programs.
    text.push_str("(icmp.Type == 3 or icmpv6.Type == 1 or ");
    text.push_str("((tcp or (udp.DstPort != 67 and udp.DstPort != 547))");
    if scope.tests() + FRAME_TESTS + config.broadcasts.len().min(MAX_BROADCASTS) <= MAX_TESTS {
        for place in &scope.never {
            put(&mut text, format_args!(" and {}", place.outside()));
        }
        if let Some(only) = &scope.only {
            let inside: Vec<_> = only.iter().map(Place::inside).collect();
            put(&mut text, format_args!(" and ({})", inside.join(" or ")));
        }
    }
    text.push_str("))");
    text
}

/// Returns the filter for the SOCKET layer, whose handle only looks (`WINDIVERT_FLAG_SNIFF`).
///
/// It asks for ourselves, too: what is not known to be ours would wait.
pub fn sockets(config: &Config) -> String {
    // Of a socket that is closed WinDivert does not say whether it was of loopback.
    let connect = if config.loopback { "" } else { " and !loopback" };
    let listen = if config.inbound { " or (tcp and event == LISTEN)" } else { "" };
    format!(
        "(tcp or udp) and (event == CLOSE or (event == CONNECT{connect}) \
         or (udp and (event == BIND or event == ACCEPT)){listen})"
    )
}

impl Place {
    fn inside(&self) -> String {
        match self {
            Self::Net(net) => {
                let (field, first, last) = bounds(net);
                format!("({field} >= {first} and {field} <= {last})")
            }
            Self::Port(port) => format!("tcp.DstPort == {port} or udp.DstPort == {port}"),
        }
    }

    fn outside(&self) -> String {
        match self {
            Self::Net(net) => {
                let (field, first, last) = bounds(net);
                let other = if net.addr().is_ipv4() { "ipv6" } else { "ip" };
                format!("({other} or {field} < {first} or {field} > {last})")
            }
            Self::Port(port) => format!("(tcp.DstPort != {port} or udp.DstPort != {port})"),
        }
    }
}

/// Returns the field of a range's family, and its first and last address.
fn bounds(net: &Net) -> (&'static str, IpAddr, IpAddr) {
    let len = u32::from(net.prefix_len());
    match net.addr() {
        IpAddr::V4(first) => {
            let rest = u32::MAX.checked_shr(len).unwrap_or(0);
            let last = Ipv4Addr::from_bits(first.to_bits() | rest);
            ("ip.DstAddr", first.into(), last.into())
        }
        IpAddr::V6(first) => {
            let rest = u128::MAX.checked_shr(len).unwrap_or(0);
            let last = Ipv6Addr::from_bits(first.to_bits() | rest);
            ("ipv6.DstAddr", first.into(), last.into())
        }
    }
}

fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a string takes all");
}
