//! Devices without offloads, with a single queue, whose addresses somebody else sets: those of
//! macOS and Windows.

#[cfg(test)]
mod tests;

use std::io::{Error, ErrorKind, Result};

use sidestream_capture::PacketProperties;
use sidestream_packet::{Checksum, Offload};

use crate::{Builder, OpenError, Setting};

/// The longest packet of IPv4, and the longest that these devices take.
pub(super) const LARGEST: usize = 65_535;

/// Refuses what such a device cannot have.
pub(super) fn check(wanted: &Builder) -> std::result::Result<(), OpenError> {
    if wanted.queues > 1 {
        return Err(OpenError::OneQueue { queues: wanted.queues });
    }
    let addresses = wanted.addresses.iter().map(|&(ip, len)| Setting::Address(ip, len));
    let routes = wanted.routes.iter().map(|&(ip, len)| Setting::Route(ip, len));
    let setting = addresses.chain(routes).next();
    setting.map_or(Ok(()), |setting| Err(OpenError::NotSettable { setting }))
}

/// Refuses a packet that such a device does not carry.
pub(super) fn check_packet(packet: &[u8], offload: Offload) -> Result<()> {
    let is_partial = matches!(offload.checksum, Checksum::Partial { .. });
    let version = packet.first().map(|byte| byte >> 4);
    let problem = match packet.len() {
        len if len > LARGEST => "longer than any packet",
        _ if !matches!(version, Some(4 | 6)) => "neither IPv4 nor IPv6",
        _ if is_partial => "the device makes no checksums",
        _ if offload.segment_size.is_some() => "the device makes no segments",
        _ => return Ok(()),
    };
    Err(Error::new(ErrorKind::InvalidInput, problem))
}

/// Gives what such a device carries.
pub(super) fn properties(mtu: u32) -> PacketProperties {
    PacketProperties { mtu: mtu as usize, ..PacketProperties::default() }
}
