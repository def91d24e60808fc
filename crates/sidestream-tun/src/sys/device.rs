//! What is known of a device without offloads, which goes with its only queue.

use sidestream_capture::PacketProperties;

use super::plain;
use crate::Losses;

#[derive(Debug)]
pub(crate) struct Device {
    name: String,
    index: u32,
    properties: PacketProperties,
    losses: Losses,
}

impl Device {
    pub(super) fn new(name: String, index: u32, mtu: u32) -> Self {
        let properties = plain::properties(mtu);
        Self { name, index, properties, losses: Losses::default() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    pub(crate) fn properties(&self) -> PacketProperties {
        self.properties
    }

    pub(crate) fn losses(&self) -> &Losses {
        &self.losses
    }
}
