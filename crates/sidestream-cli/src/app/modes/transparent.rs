//! Mode `transparent`: what other hosts send through this machine.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use sidestream::os::gateway;
use sidestream::proxy::Passing;
use sidestream::{Builder, Transparent};

use super::listen::resolve;
use super::work::Work;
use crate::mode::{Kind, Mode};
use crate::print::Detail;
use crate::root::Root;
use crate::say::say;
use crate::settings::Settings;

/// Listens where these modes do; the first leads there what arrives by the interfaces. Needs a
/// runtime.
pub(super) fn open(modes: &[Mode], interfaces: &[String]) -> anyhow::Result<Vec<Transparent>> {
    let modes = modes.iter().filter(|mode| mode.kind == Kind::Transparent);
    let opened = modes.enumerate().map(|(index, mode)| {
        let interfaces = if index == 0 { interfaces } else { &[] };
        Ok(sidestream::open_transparent(&addrs(mode)?, interfaces)?)
    });
    let opened = opened.collect::<anyhow::Result<Vec<_>>>()?;
    if !interfaces.is_empty() {
        gateway::notes().iter().for_each(say);
    }
    Ok(opened)
}

/// Finds where a mode listens: without a host, on every address of both IP versions.
fn addrs(mode: &Mode) -> anyhow::Result<Vec<SocketAddr>> {
    let Some(listen) = mode.listen() else { return Ok(Vec::new()) };
    let mut addrs = resolve(&listen)?;
    let is_told = mode.listen.as_ref().is_some_and(|listen| listen.host.is_some());
    if !is_told && std::net::UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
        addrs.push((IpAddr::V6(Ipv6Addr::UNSPECIFIED), listen.port).into());
    }
    Ok(addrs)
}

/// Serves what is led there, and tells how to get there.
pub(super) fn serve(
    gateways: Vec<Transparent>,
    builder: &Builder,
    root: &Root,
    settings: &Settings,
    work: &mut Work,
) -> anyhow::Result<()> {
    if gateways.is_empty() {
        return Ok(());
    }
    // Programs of other hosts that trust certain certificates only go on working.
    let sidestream = builder.clone().passing(Passing::considerate()).build()?;
    for Transparent { capture, addrs, .. } in gateways {
        if settings.detail > Detail::Quiet {
            let addrs: Vec<_> = addrs.iter().map(ToString::to_string).collect();
            let trust = root.certificate_path.as_deref();
            let trust = trust.map(|path| format!(", its root is {}", path.display()));
            say(format_args!(
                "intercepting what is led to {} by TPROXY or REDIRECT{}",
                addrs.join(", "),
                trust.unwrap_or_default()
            ));
        }
        work.handles.push(sidestream.serve(capture));
    }
    Ok(())
}
