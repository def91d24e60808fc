//! What `--mode` takes: `MODE[:DATA][@[HOST:]PORT]`.

mod clash;
mod data;
mod error;
mod listen;
mod upstream;

use std::str::FromStr;

use sidestream::spec::Spec;
use sidestream::upstream::Server as Proxy;

pub use clash::{Clash, check_clashes};
pub use data::{Scheme, Server};
pub use error::ParseModeError;
pub use listen::Listen;

/// One way of taking traffic, and where to listen for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Mode {
    /// The way.
    pub kind: Kind,
    /// Where to listen, if it was said.
    pub listen: Option<Listen>,
}

/// The ways of taking traffic.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A DNS server.
    Dns,
    /// The processes of this machine that a spec chooses; without one, all of them or those of
    /// the spec that was set elsewhere.
    Local(Option<Spec>),
    /// A proxy that clients are told of.
    Regular,
    /// A stand-in for one server.
    Reverse(Server),
    /// A SOCKS5 proxy.
    Socks5,
    /// A gateway to which the network sends packets.
    Transparent,
    /// A TUN device, with its name.
    Tun(Option<String>),
    /// A proxy that passes everything to another proxy.
    Upstream(Proxy),
    /// A WireGuard server, with its key file.
    Wireguard(Option<String>),
}

impl Kind {
    /// Returns the name by which the user knows the mode.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Local(_) => "local",
            Self::Regular => "regular",
            Self::Reverse(_) => "reverse",
            Self::Socks5 => "socks5",
            Self::Transparent => "transparent",
            Self::Tun(_) => "tun",
            Self::Upstream(_) => "upstream",
            Self::Wireguard(_) => "wireguard",
        }
    }

    /// Returns the port on which the mode listens unless told otherwise, if it listens.
    pub const fn default_port(&self) -> Option<u16> {
        match self {
            Self::Local(_) | Self::Tun(_) => None,
            Self::Dns | Self::Reverse(Server { scheme: Scheme::Dns, .. }) => Some(53),
            Self::Regular | Self::Reverse(_) | Self::Transparent | Self::Upstream(_) => Some(8080),
            Self::Socks5 => Some(1080),
            Self::Wireguard(_) => Some(51820),
        }
    }

    /// Returns whether the mode is there in this version.
    pub const fn is_built(&self) -> bool {
        if let Self::Reverse(server) = self {
            use Scheme as It;
            return matches!(server.scheme, It::Http | It::Https | It::Tcp | It::Tls | It::Udp);
        }
        matches!(
            self,
            Self::Local(_)
                | Self::Regular
                | Self::Socks5
                | Self::Transparent
                | Self::Tun(_)
                | Self::Upstream(_)
                | Self::Wireguard(_)
        )
    }
}

impl Mode {
    /// Returns where the mode listens, if it does.
    pub fn listen(&self) -> Option<Listen> {
        let port = self.kind.default_port()?;
        let mut listen = self.listen.clone().unwrap_or(Listen { host: None, port });
        if matches!(self.kind, Kind::Transparent | Kind::Wireguard(_)) {
            // Its clients are elsewhere, and prove who they are, or have been led here.
            listen.host.get_or_insert_with(|| "0.0.0.0".to_owned());
        }
        Some(listen)
    }
}

impl FromStr for Mode {
    type Err = ParseModeError;

    fn from_str(text: &str) -> Result<Self, ParseModeError> {
        let name = text[..text.find([':', '@']).unwrap_or(text.len())].to_ascii_lowercase();
        // An `@` may be part of a spec, and there is no address to listen on.
        if matches!(name.as_str(), "local" | "osproxy") {
            return local(text);
        }
        if name == "upstream" {
            return upstream::parse(text);
        }
        if !NAMES.contains(&name.as_str()) {
            return Err(ParseModeError::Unknown { name });
        }
        let (head, listen) = match text.rsplit_once('@') {
            None => (text, None),
            Some((head, at)) => (head, Some(at.parse::<Listen>()?)),
        };
        let data = head.split_once(':').map(|(_, data)| data);
        let kind = kind(&name, data)?;
        if listen.is_some() && kind.default_port().is_none() {
            return Err(ParseModeError::NoListen { mode: kind.name() });
        }
        Ok(Self { kind, listen })
    }
}

/// Every mode's name.
pub const NAMES: [&str; 10] = [
    "dns",
    "local",
    "osproxy",
    "regular",
    "reverse",
    "socks5",
    "transparent",
    "tun",
    "upstream",
    "wireguard",
];

fn local(text: &str) -> Result<Mode, ParseModeError> {
    let spec = match text.split_once(':') {
        None if text.contains('@') => return Err(ParseModeError::NoListen { mode: "local" }),
        None => None,
        Some((_, data)) => {
            let refused = |source| ParseModeError::Spec { text: data.to_owned(), source };
            Some(data.parse().map_err(refused)?)
        }
    };
    Ok(Mode { kind: Kind::Local(spec), listen: None })
}

fn kind(name: &str, data: Option<&str>) -> Result<Kind, ParseModeError> {
    let plain = |kind: Kind| match data {
        None => Ok(kind),
        Some(_) => Err(ParseModeError::NoData { mode: kind.name() }),
    };
    let optional = || data.filter(|data| !data.is_empty()).map(ToOwned::to_owned);
    match name {
        "dns" => plain(Kind::Dns),
        "regular" => plain(Kind::Regular),
        "socks5" => plain(Kind::Socks5),
        "transparent" => plain(Kind::Transparent),
        "tun" => Ok(Kind::Tun(optional())),
        "wireguard" => Ok(Kind::Wireguard(optional())),
        "reverse" => Server::reverse(data).map(Kind::Reverse),
        other => Err(ParseModeError::Unknown { name: other.to_owned() }),
    }
}
