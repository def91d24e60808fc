//! How well a link carries packets.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a link does to packets, each way alike; the same seed does the same to the same packets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quality {
    /// How long a packet is under way.
    pub delay: Duration,
    /// How many of a thousand are lost.
    pub loss: u16,
    /// How many of a thousand are overtaken by the next.
    pub reorder: u16,
    /// How many of a thousand arrive twice.
    pub duplicate: u16,
    /// Bytes a second, or as many as there are.
    pub rate: Option<u64>,
    /// What all that is drawn from.
    pub seed: u64,
}

impl Quality {
    /// A link that loses nothing and takes no time.
    pub const PERFECT: Self =
        Self { delay: Duration::ZERO, loss: 0, reorder: 0, duplicate: 0, rate: None, seed: 1 };
}

impl Default for Quality {
    fn default() -> Self {
        Self::PERFECT
    }
}
