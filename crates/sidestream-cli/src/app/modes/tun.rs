//! Mode `tun`: what is sent into TUN devices.

use sidestream::proxy::Passing;
use sidestream::{Builder, Pings, Tunneled};

use super::decrypt;
use super::work::Work;
use crate::mode::{Kind, Mode};
use crate::print::Detail;
use crate::root::Root;
use crate::say::say;
use crate::settings::Settings;

/// Opens the devices of these modes, if any asks for one. Needs a runtime.
pub(super) fn open(modes: &[Mode], settings: &Settings) -> anyhow::Result<Vec<Tunneled>> {
    let names = modes.iter().filter_map(|mode| match &mode.kind {
        Kind::Tun(name) => Some(name.as_deref()),
        _ => None,
    });
    // No proxy carries pings.
    let pings = if settings.upstream.is_some() { Pings::Inside } else { Pings::Everywhere };
    names.map(|name| Ok(sidestream::open_tun(name, pings)?)).collect()
}

/// Serves what is sent into them, and tells how to get there.
pub(super) fn serve(
    tunnels: Vec<Tunneled>,
    builder: &Builder,
    root: &Root,
    settings: &Settings,
    work: &mut Work,
) -> anyhow::Result<()> {
    if tunnels.is_empty() {
        return Ok(());
    }
    let decrypt = decrypt::is_trusted(root, settings);
    let passing = Passing::considerate().with_decrypt(decrypt);
    let sidestream = builder.clone().passing(passing).build()?;
    for Tunneled { capture, name, .. } in tunnels {
        if settings.detail > Detail::Quiet {
            say(format_args!(
                "intercepting what is sent into {name}: bind programs to it (curl --interface \
                 {name}) or route to it what others send, not what sidestream itself does"
            ));
        }
        work.handles.push(sidestream.serve(capture));
    }
    if settings.detail > Detail::Quiet && !decrypt {
        decrypt::tell(root);
    }
    Ok(())
}
