//! Mode `wireguard`: what phones and other machines send through a tunnel.

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sidestream::onboarding::HOST;
use sidestream::proxy::Passing;
use sidestream::wireguard::{Config, DEFAULT_PORT, Drop};
use sidestream::{Builder, Inside, Pings, WireguardServer};

use super::listen::resolve;
use super::losses::Losses;
use super::work::Work;
use crate::app::confdir;
use crate::mode::{Kind, Listen, Mode};
use crate::print::{Detail, Style};
use crate::root::Root;
use crate::say::{self, say};
use crate::settings::Settings;
use crate::through::Through;
use crate::wireguard::{Client, Store, WireguardError, draw, endpoint, read_config};

/// The client that is made where there is none.
const FIRST: &str = "phone";

/// A server that listens, and who may connect to it.
pub(super) struct Opened {
    server: WireguardServer,
    inside: Inside,
    who: Who,
}

/// Who may connect.
enum Who {
    /// The clients of our own folder.
    Clients(Vec<Client>),
    /// The peers of a file of the user's: their keys and addresses.
    Peers(PathBuf, Vec<String>),
}

impl Opened {
    /// Has it told at the end what was dropped.
    pub(super) fn tell_losses(&self, losses: &mut Losses) {
        let (handle, tally) = (self.server.handle.clone(), self.server.tally.clone());
        let dropped = move || {
            let dropped = Drop::ALL.map(|reason| (handle.dropped(reason), reason.name()));
            dropped.into_iter().filter(|(count, _)| *count > 0).collect()
        };
        losses.add("WireGuard", dropped);
        losses.add("the tunnel", move || tally.losses());
    }
}

/// Opens the servers of these modes. Needs a runtime.
pub(super) fn open(
    modes: &[Mode],
    root: &Root,
    through: &Through,
    settings: &Settings,
) -> anyhow::Result<Vec<Opened>> {
    let servers = modes.iter().filter_map(|mode| match &mode.kind {
        Kind::Wireguard(file) => Some((file.as_deref(), mode.listen.as_ref())),
        _ => None,
    });
    let opened = servers.map(|(file, listen)| match file {
        Some(file) => open_file(Path::new(file), listen, root, through),
        None => open_store(listen, root, through, settings),
    });
    opened.collect()
}

fn open_file(
    path: &Path,
    listen: Option<&Listen>,
    root: &Root,
    through: &Through,
) -> anyhow::Result<Opened> {
    let config = read_config(path)?;
    let worded = config.peers.iter().map(|peer| {
        let ranges: Vec<_> = peer.allowed_ips.iter().map(ToString::to_string).collect();
        format!("{} from {}", peer.public_key, ranges.join(", "))
    });
    let who = Who::Peers(path.to_owned(), worded.collect());
    let (server, inside) = bind(config, listen, root, through)?;
    Ok(Opened { server, inside, who })
}

fn open_store(
    listen: Option<&Listen>,
    root: &Root,
    through: &Through,
    settings: &Settings,
) -> anyhow::Result<Opened> {
    let store = Store::new(confdir(settings).as_deref())?;
    let mut config = store.server()?;
    let port = listen.map(|listen| listen.port).or(config.interface.listen_port);
    let port = port.unwrap_or(DEFAULT_PORT);
    let host = listen.and_then(|listen| listen.host.is_some().then(|| resolve(listen)));
    let host = host.transpose()?.and_then(|addrs| addrs.first().copied());
    let given = settings.wireguard_endpoint.as_deref();
    let to = endpoint::find(given, host, port.max(1), "--wireguard-endpoint")?;
    if store.clients(&config.interface)?.is_empty() {
        match store.add(FIRST, to.clone(), None) {
            // Another process was faster.
            Ok(_) | Err(WireguardError::Taken { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let clients = store.clients(&config.interface)?;
    config.peers.extend(clients.iter().map(Client::as_peer));
    let (server, inside) = bind(config, listen, root, through)?;
    // Where a free port was asked for, it is known only now.
    let bound = server.addrs.first().map_or(port, SocketAddr::port);
    let to =
        if port == 0 { endpoint::find(given, host, bound, "--wireguard-endpoint")? } else { to };
    let clients = clients.into_iter().map(|client| store.point(client, &to));
    Ok(Opened { server, inside, who: Who::Clients(clients.collect::<Result<_, _>>()?) })
}

/// Listens; the addresses of the interface are where clients find names, and the page for the root.
fn bind(
    mut config: Config,
    listen: Option<&Listen>,
    root: &Root,
    through: &Through,
) -> anyhow::Result<(WireguardServer, Inside)> {
    let addrs = match listen {
        Some(listen) if listen.host.is_some() => resolve(listen)?,
        Some(listen) => {
            config.interface.listen_port = Some(listen.port);
            Vec::new()
        }
        None => Vec::new(),
    };
    let own: Vec<_> = config.interface.addresses.iter().map(|prefix| prefix.address()).collect();
    let inside = Inside::new(through.direct(), root.site()?).with_addresses(&own);
    let inside = inside.with_crl(Arc::clone(&root.authority));
    // No proxy carries pings.
    let pings = if through.is_set() { Pings::Inside } else { Pings::Everywhere };
    Ok((sidestream::open_wireguard(config, &addrs, Some(&inside), pings)?, inside))
}

/// Serves their peers, and tells how to become one.
pub(super) fn serve(
    opened: Vec<Opened>,
    builder: &Builder,
    root: &Root,
    settings: &Settings,
    work: &mut Work,
) -> anyhow::Result<()> {
    if opened.is_empty() {
        return Ok(());
    }
    // Programs of a phone that trust certain certificates only go on working.
    let builder = builder.clone().passing(Passing::considerate());
    for Opened { server, inside, who } in opened {
        if settings.detail > Detail::Quiet {
            tell(&server, &who, root)?;
        }
        let builder = builder.clone().crl(inside.crl_url());
        let sidestream = builder.dial(Arc::new(inside)).build()?;
        work.handles.push(sidestream.serve(server.capture));
    }
    Ok(())
}

fn tell(server: &WireguardServer, who: &Who, root: &Root) -> anyhow::Result<()> {
    let addrs: Vec<_> = server.addrs.iter().map(ToString::to_string).collect();
    let path = root.certificate_path.as_deref();
    let trust = path.map(|path| format!(", its root is {}", path.display())).unwrap_or_default();
    let addrs = addrs.join(", ");
    say(format_args!(
        "intercepting WireGuard on {addrs} (UDP){trust}; clients find it at http://{HOST}"
    ));
    match who {
        Who::Peers(path, peers) if peers.is_empty() => {
            say(format_args!("{} has no [Peer], so nobody may connect", path.display()));
        }
        Who::Peers(path, peers) => {
            say(format_args!("the peers of {} may connect:", path.display()));
            peers.iter().for_each(|peer| say::line(format_args!("  {peer}")));
        }
        Who::Clients(clients) => match &clients[..] {
            [client] => tell_client(client)?,
            clients => {
                let names: Vec<_> = clients.iter().map(|client| client.name.as_str()).collect();
                let names = names.join(", ");
                say(format_args!(
                    "{names} may connect; show one: sidestream wireguard show NAME --qr"
                ));
            }
        },
    }
    Ok(())
}

fn tell_client(client: &Client) -> anyhow::Result<()> {
    say(format_args!("the client {} is configured by {}:", client.name, client.path.display()));
    say::line(format_args!("\n{}", client.text));
    let stderr = io::stderr();
    if stderr.is_terminal() {
        let style = Style::choose(true, &|name| std::env::var_os(name));
        say::line(draw(&client.text, style == Style::COLORED)?);
    }
    Ok(())
}
