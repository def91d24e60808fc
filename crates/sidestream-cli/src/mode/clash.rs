//! Modes that cannot be had together.

use super::{Kind, Mode, Scheme, Server};

/// Why modes cannot be had together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Clash {
    /// Two would listen on the same address.
    #[error("modes {first} and {second} both listen on {listen}, give one another port")]
    Listen {
        /// The one mode.
        first: &'static str,
        /// The other mode.
        second: &'static str,
        /// The address.
        listen: String,
    },
    /// There is one capture of local processes.
    #[error("mode local is given twice, write one spec with commas: local:curl,wget")]
    Local,
    /// There is one folder with clients.
    #[error(
        "mode wireguard is given twice without a file, give the second one its own: \
             wireguard:FILE"
    )]
    Wireguard,
}

/// Refuses modes that cannot be had together.
///
/// # Errors
///
/// The first two that clash.
pub fn check_clashes(modes: &[Mode]) -> Result<(), Clash> {
    for (index, second) in modes.iter().enumerate() {
        for first in &modes[..index] {
            check_two(first, second)?;
        }
    }
    Ok(())
}

fn check_two(first: &Mode, second: &Mode) -> Result<(), Clash> {
    if matches!((&first.kind, &second.kind), (Kind::Local(_), Kind::Local(_))) {
        return Err(Clash::Local);
    }
    if matches!((&first.kind, &second.kind), (Kind::Wireguard(None), Kind::Wireguard(None))) {
        return Err(Clash::Wireguard);
    }
    let (Some(one), Some(other)) = (first.listen(), second.listen()) else { return Ok(()) };
    if !one.clashes_with(&other) || !share_transport(&first.kind, &second.kind) {
        return Ok(());
    }
    let (first, second) = (first.kind.name(), second.kind.name());
    Err(Clash::Listen { first, second, listen: other.to_string() })
}

fn takes_udp(kind: &Kind) -> bool {
    matches!(kind, Kind::Reverse(Server { scheme: Scheme::Udp, .. }))
}

/// WireGuard listens for datagrams only, most others for connections only; those of SOCKS are
/// told of a port of their own.
fn share_transport(first: &Kind, second: &Kind) -> bool {
    let udp = |kind: &Kind| {
        matches!(kind, Kind::Dns | Kind::Transparent | Kind::Wireguard(_)) || takes_udp(kind)
    };
    let tcp = |kind: &Kind| !matches!(kind, Kind::Wireguard(_)) && !takes_udp(kind);
    (udp(first) && udp(second)) || (tcp(first) && tcp(second))
}
