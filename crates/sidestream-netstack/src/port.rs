//! The device that smoltcp sees: one packet in, one packet out.

use std::num::NonZeroUsize;

use smoltcp::phy::{
    Checksum, ChecksumCapabilities, Device, DeviceCapabilities, Medium, RxToken, TxToken,
};
use smoltcp::time::Instant;

use crate::Config;

/// Room for one packet on its way out.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    room: Vec<u8>,
    len: usize,
}

impl Frame {
    pub(crate) const fn clear(&mut self) {
        self.len = 0;
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.room[..self.len]
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.room[..self.len]
    }

    /// Makes room for a packet of that length, with whatever stood there before.
    pub(crate) fn claim(&mut self, len: usize) -> &mut [u8] {
        if self.room.len() < len {
            self.room.resize(len, 0);
        }
        self.len = len;
        &mut self.room[..len]
    }

    pub(crate) fn fill(&mut self, bytes: &[u8]) {
        self.claim(bytes.len()).copy_from_slice(bytes);
    }
}

/// The device for one step of one stream.
pub(crate) struct Port<'a> {
    pub(crate) packet: Option<&'a [u8]>,
    pub(crate) frame: &'a mut Frame,
    pub(crate) capabilities: &'a DeviceCapabilities,
}

/// Tells smoltcp what the device can do: checksums of the transport are ours.
pub(crate) fn capabilities(config: &Config) -> DeviceCapabilities {
    let mut capabilities = DeviceCapabilities::default();
    capabilities.medium = Medium::Ip;
    capabilities.max_transmission_unit = config.mtu;
    capabilities.checksum = ChecksumCapabilities::ignored();
    capabilities.checksum.ipv4 = Checksum::Tx;
    if config.segmentation {
        // A packet of IPv6 that is longer than the MTU is dropped, whatever is offloaded.
        capabilities.max_transmission_unit = usize::from(u16::MAX);
        capabilities.segmentation.tcpv4 = NonZeroUsize::new(usize::from(u16::MAX));
        capabilities.segmentation.tcpv6 = NonZeroUsize::new(usize::from(u16::MAX));
    }
    capabilities
}

impl Device for Port<'_> {
    type RxToken<'b>
        = Rx<'b>
    where
        Self: 'b;
    type TxToken<'b>
        = Tx<'b>
    where
        Self: 'b;

    fn receive(&mut self, _: Instant) -> Option<(Rx<'_>, Tx<'_>)> {
        let packet = self.packet.take()?;
        Some((Rx(packet), Tx(self.frame)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Tx<'_>> {
        // One step, one packet: what is more waits in the buffers of its stream.
        self.frame.is_empty().then_some(Tx(self.frame))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.capabilities.clone()
    }
}

pub(crate) struct Rx<'a>(&'a [u8]);

impl RxToken for Rx<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

pub(crate) struct Tx<'a>(&'a mut Frame);

impl TxToken for Tx<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        f(self.0.claim(len))
    }
}
