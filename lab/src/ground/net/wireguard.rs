//! A client's end of a WireGuard tunnel, by the kernel or else by wireguard-go.

use std::net::IpAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::lan::ip;
use crate::agent::{Exec, Remote};
use crate::closure::{find, hint};
use crate::ground::Unavailable;
use crate::ground::hosted::{address, confdir};
use crate::model::Family;

/// The file of the client that Sidestream makes.
const CLIENT: &str = "wireguard/phone.conf";

/// How long a device may take to be there; only a failing trial waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// What of the file is for wg-quick(8).
const OF_QUICK: [&str; 3] = ["Address", "DNS", "MTU"];

/// Makes the device, and tells it what is in a file.
const MAKE: &str = "\
ip link add wg0 type wireguard 2>/dev/null || {
    mkdir -p /run/wireguard
    wireguard-go wg0 >/dev/null 2>&1 || exit
}
exec wg setconf wg0 \"$1\"
";

/// Tells what is missing here.
pub(super) fn check() -> Result<()> {
    let has_module = || {
        let mut modprobe = Command::new("modprobe");
        modprobe.args(["--quiet", "wireguard"]).stderr(Stdio::null());
        modprobe.status().is_ok_and(|status| status.success())
    };
    let missing = ["wg", "wireguard-go"].into_iter().find(|program| find(program).is_none());
    match missing {
        Some(program) if program == "wg" || !has_module() => {
            Err(Unavailable::new(format!("no {program} here: {}", hint(program))).into())
        }
        _ => Ok(()),
    }
}

/// Gives a client, whose agent has that pid, a tunnel to the gateway, by which it reaches others.
pub(super) fn tunnel(gateway: &Remote, app: &Remote, pid: u32, others: &[usize]) -> Result<()> {
    let file = gateway.get(&confdir(gateway).join(CLIENT))?.context("there is no client")?;
    let text = String::from_utf8_lossy(&file);
    let is_of_quick = |line: &&str| OF_QUICK.iter().any(|key| line.starts_with(key));
    let rest: String =
        text.lines().filter(|line| !is_of_quick(line)).flat_map(|line| [line, "\n"]).collect();
    let path = app.hello().folder.join("wg0.conf");
    app.put(&path, rest.as_bytes(), 0o600)?;
    let said = app.run(&Exec::new(["sh", "-c", MAKE, "sh", &path.to_string_lossy()]), PATIENCE)?;
    if !said.is_success() {
        bail!("no device of WireGuard: {:?} {}", said.ended, said.err());
    }
    let up = "link set wg0 mtu 1420 addrgenmode none up\n";
    let own = own(&text).map(|own| match own {
        IpAddr::V4(own) => format!("address add {own}/32 dev wg0\n"),
        IpAddr::V6(own) => format!("address add {own}/128 dev wg0 nodad\n"),
    });
    let routes = others.iter().flat_map(|other| Family::ALL.map(|family| address(*other, family)));
    let routes = routes.map(|other| format!("route add {other} dev wg0\n"));
    ip(Some(pid), &std::iter::once(up.to_owned()).chain(own).chain(routes).collect::<String>())
}

/// The addresses that a client's file gives it.
fn own(text: &str) -> impl Iterator<Item = IpAddr> {
    let line = text.lines().find_map(|line| line.strip_prefix("Address"));
    let list = line.and_then(|line| line.split_once('=')).map_or("", |(_, list)| list);
    list.split(',').filter_map(|own| own.trim().split('/').next()?.parse().ok())
}
