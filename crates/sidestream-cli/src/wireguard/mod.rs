//! `wireguard`: the clients of mode `wireguard`, each a file to be taken to a phone.

mod client;
pub mod endpoint;
mod error;
mod qr;
mod store;

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use sidestream::wireguard::{DEFAULT_PORT, PresharedKey};

use crate::args::WireguardCommand;
use crate::exit::Exit;
use crate::print::{Detail, Style};
use crate::say::say;
use crate::settings::Settings;

pub use client::Client;
pub use error::WireguardError;
pub use qr::draw;
pub use store::{Store, read_config};

/// Does what is asked with the clients.
///
/// # Errors
///
/// The clients cannot be had, or the output not written.
pub fn wireguard(
    command: WireguardCommand,
    confdir: Option<&Path>,
    settings: &Settings,
) -> anyhow::Result<Exit> {
    let store = Store::new(confdir)?;
    let mut out = io::stdout();
    match command {
        WireguardCommand::List => {
            for client in store.clients(&store.server()?.interface)? {
                let addresses = &client.config.interface.addresses;
                let addresses = addresses.iter().map(|prefix| prefix.address().to_string());
                let addresses = addresses.collect::<Vec<_>>().join(", ");
                let key = client.config.interface.private_key.public_key();
                writeln!(out, "{:15}  {addresses}  {key}", client.name)?;
            }
        }
        WireguardCommand::Add { name, psk, endpoint } => {
            let given = endpoint.as_deref().or(settings.wireguard_endpoint.as_deref());
            let to = endpoint::find(given, None, port(&store)?, "--endpoint")?;
            let psk = psk.then(PresharedKey::generate).transpose()?;
            let client = store.add(&name, to, psk)?;
            if settings.detail > Detail::Quiet {
                say(format_args!("made {}", client.path.display()));
            }
            show(&client, out.is_terminal())?;
        }
        WireguardCommand::Show { name, qr } => show(&store.client(&name)?, qr)?,
        WireguardCommand::Remove { name } => {
            store.remove(&name)?;
            if settings.detail > Detail::Quiet {
                say(format_args!("removed {name}; a server that runs knows it until it ends"));
            }
        }
    }
    Ok(Exit::Success)
}

/// Finds the port that clients were told of, or will be.
fn port(store: &Store) -> Result<u16, WireguardError> {
    let server = store.server()?.interface;
    let told = store.clients(&server)?.into_iter().find_map(|client| {
        client.config.peers.first().and_then(|peer| peer.endpoint.as_ref()).map(|to| to.port())
    });
    Ok(server.listen_port.or(told).unwrap_or(DEFAULT_PORT))
}

fn show(client: &Client, qr: bool) -> anyhow::Result<()> {
    let mut out = io::stdout();
    if qr {
        let style = Style::choose(out.is_terminal(), &|name| std::env::var_os(name));
        write!(out, "{}", draw(&client.text, style == Style::COLORED)?)?;
    } else {
        write!(out, "{}", client.text)?;
    }
    Ok(())
}
