//! A gateway: a host between the clients and everyone else, on which what intercepts runs.
//!
//! ```text
//!   app ─── eth0 or a link ─── gateway ─── eth0 ─── origin
//!                              side0
//! ```

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};

use super::lan::{ip, ip_of};
use crate::agent::Remote;
use crate::ground::Unavailable;
use crate::ground::hosted::{DEVICE, GATEWAY, address};
use crate::model::Family;

/// The table that leads into the device.
const TABLE: u32 = 77;

/// What a host needs to pass on packets of others, which come from where it would not send any.
const FORWARDS: [(&str, &str); 4] = [
    ("ipv4/ip_forward", "1"),
    ("ipv6/conf/all/forwarding", "1"),
    ("ipv4/conf/all/rp_filter", "0"),
    ("ipv4/conf/default/rp_filter", "0"),
];

/// Tells what the rules of a gateway miss here.
pub(super) fn check() -> Result<()> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let mut numbers = release.split(|char: char| !char.is_ascii_digit()).map(str::parse::<u32>);
    let version = (numbers.next(), numbers.next());
    if let (Some(Ok(major)), Some(Ok(minor))) = version
        && (major, minor) < (5, 12)
    {
        let reason = "tables that go with their process are there from Linux 5.12 on";
        return Err(Unavailable::new(reason).into());
    }
    Ok(())
}

/// A host that passes on the packets of others.
#[derive(Debug)]
pub(super) struct Gateway {
    pub(super) remote: Arc<Remote>,
    pub(super) pid: u32,
    /// Where the clients are, if not on the bridge.
    link: Option<String>,
}

impl Gateway {
    /// Makes one of an agent that is on the bridge.
    pub(super) fn new(remote: Remote, pid: u32) -> Result<Self> {
        for (name, value) in FORWARDS {
            let path = Path::new("/proc/sys/net").join(name);
            remote
                .put(&path, value.as_bytes(), 0o644)
                .with_context(|| format!("setting {name}"))?;
        }
        Ok(Self { remote: Arc::new(remote), pid, link: None })
    }

    /// Notes that the clients are at the other end of that link.
    pub(super) fn link(&mut self, name: &str) {
        self.link = Some(name.to_owned());
    }

    /// Names the interface by which clients' packets come.
    pub(super) fn interface(&self) -> &str {
        self.link.as_deref().unwrap_or("eth0")
    }

    /// Has a host, whose agent has that pid, reach others by it.
    pub(super) fn lead(&self, client: (usize, u32), others: &[usize]) -> Result<()> {
        let (number, pid) = client;
        let device = self.interface();
        let routes = others.iter().flat_map(|other| Family::ALL.map(|family| (*other, family)));
        let routes = routes.map(|(other, family)| {
            let (gateway, here) = (address(GATEWAY, family), address(number, family));
            let other = address(other, family);
            format!("route add {other} via {gateway} dev {device} src {here} onlink\n")
        });
        ip(Some(pid), &routes.collect::<String>())
    }

    /// Leads what clients send into the device; with that, this goes.
    pub(super) fn divert(&self) -> Result<()> {
        let device = self.interface();
        let batch = format!(
            "rule add iif {device} lookup {TABLE}\n\
             route add default dev {DEVICE} table {TABLE}\n"
        );
        Family::ALL.into_iter().try_for_each(|family| ip_of(self.pid, family, &batch))
    }
}
