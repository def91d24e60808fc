//! One client: a file that a phone or another machine takes as it is.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use sidestream::wireguard::{Config, Endpoint, Interface, Peer, Prefix, PrivateKey};

use super::WireguardError;

/// A client of ours, and its file.
#[derive(Clone)]
pub struct Client {
    /// Its name.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// What the file says.
    pub config: Config,
    /// The file, which holds the client's private key.
    pub text: String,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Client {
    /// Reads what a file says, which is to be a client of that server.
    ///
    /// # Errors
    ///
    /// It is something else.
    pub fn read(path: &Path, text: String, server: &Interface) -> Result<Self, WireguardError> {
        let config: Config = text.parse().map_err(|source| {
            let path = path.to_owned();
            WireguardError::NotAConfig { path, source }
        })?;
        let own = server.private_key.public_key();
        if config.peers.len() != 1 || config.peers[0].public_key != own {
            return Err(WireguardError::NotAClient { path: path.to_owned() });
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, path: path.to_owned(), config, text })
    }

    /// Returns it as the server knows it.
    pub fn as_peer(&self) -> Peer {
        let Config { interface, peers } = &self.config;
        let addresses = interface.addresses.iter();
        Peer {
            preshared_key: peers[0].preshared_key.clone(),
            allowed_ips: addresses.map(|prefix| Prefix::host(prefix.address())).collect(),
            ..Peer::new(interface.private_key.public_key())
        }
    }

    /// Returns the file with another endpoint, if it has another address; a name was chosen by
    /// somebody, and stays.
    pub fn pointed_to(&self, endpoint: &Endpoint) -> Option<String> {
        let old = self.config.peers[0].endpoint.as_ref();
        let stays = |old: &Endpoint| {
            let is_name = old.host().parse::<IpAddr>().is_err();
            is_name || old == endpoint
        };
        if old.is_some_and(stays) {
            return None;
        }
        let lines = self.text.lines().map(|line| match line.split_once('=') {
            Some((key, _)) if key.trim().eq_ignore_ascii_case("Endpoint") => {
                format!("Endpoint = {endpoint}\n")
            }
            _ => format!("{line}\n"),
        });
        Some(lines.collect())
    }
}

/// Words the file of a new client.
pub(super) fn compose(
    server: &Interface,
    addresses: &[IpAddr],
    endpoint: Endpoint,
    psk: Option<sidestream::wireguard::PresharedKey>,
) -> Result<String, WireguardError> {
    let everything = ["0.0.0.0/0", "::/0"].map(|all| all.parse().expect("a range"));
    let interface = Interface {
        addresses: addresses.iter().copied().map(Prefix::host).collect(),
        dns: server.addresses.iter().take(1).map(|prefix| prefix.address().to_string()).collect(),
        mtu: server.mtu,
        ..Interface::new(PrivateKey::generate()?)
    };
    let peer = Peer {
        preshared_key: psk,
        allowed_ips: everything.into(),
        endpoint: Some(endpoint),
        persistent_keepalive: std::num::NonZeroU16::new(25),
        ..Peer::new(server.private_key.public_key())
    };
    Ok(Config { interface, peers: vec![peer] }.to_string())
}
