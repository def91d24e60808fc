//! Which hosts the clients of a tunnel can ping.

use std::sync::Arc;

use sidestream_tunnel::{Echo, Ping, by_sockets};

/// Which hosts the clients of a tunnel can ping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pings {
    /// Any: a ping of ours is sent for each of theirs.
    #[default]
    Everywhere,
    /// None beyond the tunnel: nothing leaves but what is dialled.
    Inside,
}

impl Pings {
    /// Returns how hosts beyond the tunnel answer.
    pub(crate) fn answer(self) -> Arc<Ping> {
        match self {
            Self::Everywhere => by_sockets(),
            Self::Inside => Arc::new(|_, _| Box::pin(std::future::ready(Echo::Unreachable))),
        }
    }
}
