//! Drivers whose traffic comes as IP packets, not as connections.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

use sidestream_packet::Offload;

/// A device of IP packets, which whoever holds it is the network of.
///
/// Packets begin with their IP header. As in any network, a packet may be lost; the driver counts
/// what it loses. Dropping it gives the device back.
pub trait PacketDriver: Send {
    /// Polls for the next packet, which is written to the beginning of `buf`; `None` means that
    /// the device has gone.
    ///
    /// `buf` needs room for [`PacketProperties::buffer_len`] bytes. The packet may be anything
    /// that a program or another host sent: nobody has looked at it.
    ///
    /// # Errors
    ///
    /// An error means that the device broke and yields no more packets, save
    /// [`InvalidInput`](io::ErrorKind::InvalidInput): the buffer was too small, and nothing was
    /// received.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost between two polls.
    fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<Option<Received>>>;

    /// Polls until the device takes a packet.
    ///
    /// `offload` says what is still to be done to it, of which there may be no more than
    /// [`properties`](Self::properties) allow. A packet that was taken may yet be lost.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput): this is no packet, or not one for this
    /// device; others are still taken. Any other error means that the device broke or has gone.
    ///
    /// # Cancel safety
    ///
    /// A packet has been taken only when the poll is ready.
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        packet: &[u8],
        offload: Offload,
    ) -> Poll<io::Result<()>>;

    /// Returns what the device carries; that never changes.
    fn properties(&self) -> PacketProperties;
}

/// A packet that lies at the beginning of a buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// How long it is, in bytes.
    pub len: usize,
    /// What its sender left to be done.
    pub offload: Offload,
}

/// What a device of packets carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketProperties {
    /// The length of the longest packet that goes through it in one piece, in bytes.
    pub mtu: usize,
    /// Transport checksums may be partial, both ways.
    pub checksums: bool,
    /// The length of the longest packet that stands for several TCP segments, both ways, in
    /// bytes; 0 where there are none.
    pub segmented: usize,
    /// A packet may also stand for several UDP datagrams, as long at most.
    pub segmented_udp: bool,
}

impl PacketProperties {
    /// Returns the length of a buffer that any packet fits in.
    pub const fn buffer_len(&self) -> usize {
        if self.segmented > self.mtu { self.segmented } else { self.mtu }
    }
}

/// Waits for the next packet of a driver; `None` means that the device has gone.
///
/// # Errors
///
/// See [`PacketDriver::poll_recv`].
///
/// # Cancel safety
///
/// Nothing is lost if the future is dropped.
pub async fn recv_packet(
    driver: &mut (dyn PacketDriver + '_),
    buf: &mut [u8],
) -> io::Result<Option<Received>> {
    poll_fn(|cx| driver.poll_recv(cx, buf)).await
}

/// Waits until a driver has taken a packet.
///
/// # Errors
///
/// See [`PacketDriver::poll_send`].
///
/// # Cancel safety
///
/// The packet has not been taken if the future is dropped before it is ready.
pub async fn send_packet(
    driver: &mut (dyn PacketDriver + '_),
    packet: &[u8],
    offload: Offload,
) -> io::Result<()> {
    poll_fn(|cx| driver.poll_send(cx, packet, offload)).await
}
