//! What a gateway needs of this machine, and what of its settings a user should know.

use std::fs;
use std::io;

use super::has_right;
use crate::LocalFinding;
use crate::sys::imp::netlink::{Message, Netlink};
use crate::sys::imp::nft::gateway::{self as rules};

/// A table of another name, that stands in nobody's way.
const TRIAL: &str = "sidestream-trial";

/// Tries everything that a gateway needs; nothing is left behind, and no packet is led anywhere.
pub fn check_gateway() -> Vec<LocalFinding> {
    let mut is_reached = true;
    let mut tried = |what, attempt: fn() -> io::Result<()>, remedy| {
        let outcome = if is_reached { attempt() } else { Err(io::ErrorKind::Unsupported.into()) };
        is_reached &= outcome.is_ok();
        LocalFinding { what, outcome, remedy: Some(remedy) }
    };
    vec![
        tried("rights to lead traffic here", has_right, "run this as root (CAP_NET_ADMIN)"),
        tried("routing by marks", routing, "use a kernel with CONFIG_IP_MULTIPLE_TABLES"),
        tried(
            "nftables tables that go with us",
            netfilter,
            "use Linux 5.12 or later with nf_tables, nft_tproxy, nft_socket, nft_fib and nft_ct",
        ),
    ]
}

fn routing() -> io::Result<()> {
    let body = [libc::AF_INET as u8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let ask = Message::new(libc::RTM_GETRULE, libc::NLM_F_DUMP, &body);
    Netlink::open(libc::NETLINK_ROUTE)?.dump(ask, &mut |_rule| {})
}

fn netfilter() -> io::Result<()> {
    let netlink = Netlink::open(libc::NETLINK_NETFILTER)?;
    rules::hold(&netlink, TRIAL, "a trial")?;
    let listeners = ["127.0.0.1:1", "[::1]:1"].map(|addr| addr.parse());
    let listeners: Vec<_> = listeners.into_iter().flatten().collect();
    // No interface leads there.
    rules::fill(&netlink, TRIAL, 0, &[], &listeners)
}

/// Tells what of this machine's settings matters to a gateway and is not changed by it.
pub fn gateway_notes() -> Vec<String> {
    const FORWARDING: [(&str, &str, &str); 2] = [
        ("IPv4", "/proc/sys/net/ipv4/ip_forward", "net.ipv4.ip_forward"),
        ("IPv6", "/proc/sys/net/ipv6/conf/all/forwarding", "net.ipv6.conf.all.forwarding"),
    ];
    let mut notes = Vec::new();
    for (version, path, name) in FORWARDING {
        if number(path) == Some(0) {
            notes.push(format!(
                "{version} is not forwarded: of what others send here only TCP and UDP go on, and \
                 only while they are taken; to route the rest: sysctl {name}=1"
            ));
        }
    }
    let strict = strict();
    if !strict.is_empty() {
        notes.push(format!(
            "rp_filter is strict on {}: what arrives there is dropped unless the way back leads \
             there; for hosts behind several interfaces: sysctl net.ipv4.conf.all.rp_filter=2",
            strict.join(", ")
        ));
    }
    notes
}

fn number(path: &str) -> Option<u32> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Lists the interfaces whose packets must have come by the way back; the larger number counts.
fn strict() -> Vec<String> {
    let folder = "/proc/sys/net/ipv4/conf";
    let of = |name: &str| number(&format!("{folder}/{name}/rp_filter")).unwrap_or(0);
    let all = of("all");
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let is_one = |name: &String| !["all", "default", "lo"].contains(&name.as_str());
    let mut strict: Vec<_> = names.filter(is_one).filter(|name| of(name).max(all) == 1).collect();
    strict.sort();
    strict
}
