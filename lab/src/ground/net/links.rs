//! A link of two hosts in place of the bridge.

use std::io;
use std::thread;

use anyhow::{Context, Result, anyhow};

use super::lan::ip;
use crate::ground::Unavailable;
use crate::ground::hosted::address;
use crate::link::Link;
use crate::model::{Family, Quality};
use crate::sys::{Tun, enter_network_of};

/// Makes a link of that name between two hosts, each with its number and its agent's pid.
pub(super) fn make(name: &str, ends: [(usize, u32); 2], quality: &Quality) -> Result<Link> {
    let (this_name, quality) = (name.to_owned(), quality.clone());
    // Namespaces are entered by a thread that ends with it.
    let opened = thread::spawn(move || {
        let open = |pid: u32| {
            enter_network_of(pid).context("entering a host's network")?;
            Tun::open(&this_name).context("making a TUN device")
        };
        let [(_, one), (_, other)] = ends;
        Ok::<_, anyhow::Error>([open(one)?, open(other)?])
    });
    let opened = opened.join().map_err(|_panicked| anyhow!("the thread panicked"))?;
    let tuns = opened.map_err(|error| {
        let io = error.downcast_ref::<io::Error>().map(io::Error::kind);
        let lacks = [io::ErrorKind::NotFound, io::ErrorKind::PermissionDenied];
        if io.is_some_and(|kind| lacks.contains(&kind)) {
            return Unavailable::new(format!("no link without /dev/net/tun: {error:#}")).into();
        }
        error
    })?;
    for ((here, pid), (there, _)) in [(ends[0], ends[1]), (ends[1], ends[0])] {
        let routes = Family::ALL.map(|family| {
            let (here, there) = (address(here, family), address(there, family));
            format!("route add {there} dev {name} src {here}\n")
        });
        let up = format!("link set {name} mtu 1500 addrgenmode none multicast off up\n");
        ip(Some(pid), &format!("{up}{}", routes.concat()))?;
    }
    Link::start(tuns, &quality).context("starting the link")
}
