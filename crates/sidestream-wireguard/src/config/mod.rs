//! The configuration of a tunnel's end, as wg(8) and wg-quick(8) write it.

mod endpoint;
mod error;
mod parse;
mod prefix;

use std::fmt;
use std::num::NonZeroU16;

pub use endpoint::{Endpoint, ParseEndpointError};
pub use error::{ConfigDefect, ParseConfigError};
pub use prefix::{ParsePrefixError, Prefix};

pub(crate) use prefix::bits;

use crate::key::{PresharedKey, PrivateKey, PublicKey};

/// The port of WireGuard where nobody says otherwise.
pub const DEFAULT_PORT: u16 = 51_820;
/// The length of the longest packet inside of a tunnel where nobody says otherwise: what fits
/// through an Ethernet, whichever version of IP the tunnel goes by.
pub const DEFAULT_MTU: u16 = 1420;

/// The configuration of one end of a tunnel. It is read by `parse` and written by `to_string`,
/// which shows the secrets; `Debug` does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// This end.
    pub interface: Interface,
    /// The others.
    pub peers: Vec<Peer>,
}

/// This end of a tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Proves who this end is.
    pub private_key: PrivateKey,
    /// Its addresses inside of the tunnel, with the range that is reached directly.
    pub addresses: Vec<Prefix>,
    /// Where it listens, if that was said.
    pub listen_port: Option<u16>,
    /// The length of the longest packet inside of the tunnel, if that was said.
    pub mtu: Option<u16>,
    /// The resolvers, and domains to search in, that the system is to use while the tunnel is up.
    /// A server has no use for them.
    pub dns: Vec<String>,
}

/// Another end of a tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Says who it is.
    pub public_key: PublicKey,
    /// A second secret.
    pub preshared_key: Option<PresharedKey>,
    /// What it may send from, and what is sent to it; masked.
    pub allowed_ips: Vec<Prefix>,
    /// Where it is reached before it was heard of.
    pub endpoint: Option<Endpoint>,
    /// After how many seconds of silence something is sent to it, so that what lies between does
    /// not forget the way.
    pub persistent_keepalive: Option<NonZeroU16>,
}

impl Interface {
    /// An end with that key and nothing else.
    pub const fn new(private_key: PrivateKey) -> Self {
        Self { private_key, addresses: Vec::new(), listen_port: None, mtu: None, dns: Vec::new() }
    }
}

impl Peer {
    /// A peer with that key and nothing else.
    pub const fn new(public_key: PublicKey) -> Self {
        Self {
            public_key,
            preshared_key: None,
            allowed_ips: Vec::new(),
            endpoint: None,
            persistent_keepalive: None,
        }
    }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { interface, peers } = self;
        writeln!(f, "[Interface]\nPrivateKey = {}", interface.private_key.to_base64())?;
        list(f, "Address", &interface.addresses)?;
        if let Some(port) = interface.listen_port {
            writeln!(f, "ListenPort = {port}")?;
        }
        if let Some(mtu) = interface.mtu {
            writeln!(f, "MTU = {mtu}")?;
        }
        list(f, "DNS", &interface.dns)?;
        for peer in peers {
            writeln!(f, "\n[Peer]\nPublicKey = {}", peer.public_key)?;
            if let Some(key) = &peer.preshared_key {
                writeln!(f, "PresharedKey = {}", key.to_base64())?;
            }
            list(f, "AllowedIPs", &peer.allowed_ips)?;
            if let Some(endpoint) = &peer.endpoint {
                writeln!(f, "Endpoint = {endpoint}")?;
            }
            if let Some(seconds) = peer.persistent_keepalive {
                writeln!(f, "PersistentKeepalive = {seconds}")?;
            }
        }
        Ok(())
    }
}

fn list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, key: &str, values: &[T]) -> fmt::Result {
    if values.is_empty() {
        return Ok(());
    }
    let values: Vec<_> = values.iter().map(ToString::to_string).collect();
    writeln!(f, "{key} = {}", values.join(", "))
}
