//! An adapter, and the rings through which its packets go.

use std::ffi::c_void;
use std::io;
use std::ptr::{NonNull, copy_nonoverlapping, null};

use windows_sys::Win32::Foundation::{
    ERROR_BUFFER_OVERFLOW, ERROR_HANDLE_EOF, ERROR_NO_MORE_ITEMS, HANDLE,
};
use windows_sys::Win32::NetworkManagement::Ndis::NET_LUID_LH;

use super::library::{Wintun, wide};

/// The length of each ring, in bytes: a power of two from 128 KiB to 64 MiB.
const RING: u32 = 8 << 20;

/// The kind of adapter, as Windows shows it.
const KIND: &str = "Sidestream";

/// An adapter, which Windows removes when it is closed.
#[derive(Debug)]
pub(super) struct Adapter {
    wintun: Wintun,
    handle: NonNull<c_void>,
}

/// What is there to be received.
#[derive(Debug)]
pub(super) enum Arrival {
    Packet(usize),
    Truncated,
    Nothing,
    End,
}

impl Adapter {
    pub(super) fn create(wintun: Wintun, name: &str) -> io::Result<Self> {
        let (name, kind) = (wide(name), wide(KIND));
        // SAFETY: both texts are live and end in a zero; without an identifier one is made.
        let handle = unsafe { (wintun.create_adapter)(name.as_ptr(), kind.as_ptr(), null()) };
        let handle = NonNull::new(handle).ok_or_else(io::Error::last_os_error)?;
        Ok(Self { wintun, handle })
    }

    pub(super) fn luid(&self) -> NET_LUID_LH {
        let mut luid = NET_LUID_LH::default();
        // SAFETY: the adapter is open, and the identifier is live.
        unsafe { (self.wintun.get_adapter_luid)(self.handle.as_ptr(), &raw mut luid) };
        luid
    }
}

impl Drop for Adapter {
    fn drop(&mut self) {
        // SAFETY: the adapter is open, its session has ended, and nobody uses it hereafter.
        unsafe { (self.wintun.close_adapter)(self.handle.as_ptr()) };
    }
}

/// The rings of an adapter, which is up while they are there.
#[derive(Debug)]
pub(super) struct Session {
    handle: NonNull<c_void>,
    adapter: Adapter,
}

// SAFETY: Wintun's functions may be called from any thread, and its handles belong to none.
unsafe impl Send for Session {}

impl Session {
    pub(super) fn start(adapter: Adapter) -> io::Result<Self> {
        let open = adapter.handle.as_ptr();
        // SAFETY: the adapter is open, and the length one of those that are possible.
        let handle = unsafe { (adapter.wintun.start_session)(open, RING) };
        let handle = NonNull::new(handle).ok_or_else(io::Error::last_os_error)?;
        Ok(Self { handle, adapter })
    }

    /// Gives the event that tells of packets; it is closed with the session.
    pub(super) fn event(&self) -> HANDLE {
        // SAFETY: the session runs.
        unsafe { (self.adapter.wintun.get_read_wait_event)(self.handle.as_ptr()) }
    }

    /// Takes the next packet, if there is one.
    pub(super) fn receive(&mut self, buf: &mut [u8]) -> io::Result<Arrival> {
        let (wintun, handle) = (self.adapter.wintun, self.handle.as_ptr());
        let mut len = 0;
        // SAFETY: the session runs, and the length is live.
        let packet = unsafe { (wintun.receive_packet)(handle, &raw mut len) };
        if packet.is_null() {
            return match last_error() {
                (ERROR_NO_MORE_ITEMS, _) => Ok(Arrival::Nothing),
                (ERROR_HANDLE_EOF, _) => Ok(Arrival::End),
                (_, error) => Err(error),
            };
        }
        let len = len as usize;
        let fits = len <= buf.len();
        if fits {
            // SAFETY: the packet is as long as the library said, lies in its ring until it is
            // released, and the buffer has room for it.
            unsafe { copy_nonoverlapping(packet, buf.as_mut_ptr(), len) };
        }
        // SAFETY: the packet came from this session, and is not looked at hereafter.
        unsafe { (wintun.release_receive_packet)(handle, packet) };
        Ok(if fits { Arrival::Packet(len) } else { Arrival::Truncated })
    }

    /// Sends a packet of no more than 65535 bytes; false means that the ring has no room for it.
    pub(super) fn send(&mut self, packet: &[u8]) -> io::Result<bool> {
        let (wintun, handle) = (self.adapter.wintun, self.handle.as_ptr());
        let len = u32::try_from(packet.len()).map_err(io::Error::other)?;
        // SAFETY: the session runs.
        let room = unsafe { (wintun.allocate_send_packet)(handle, len) };
        if room.is_null() {
            return match last_error() {
                (ERROR_BUFFER_OVERFLOW, _) => Ok(false),
                (ERROR_HANDLE_EOF, error) => {
                    Err(io::Error::new(io::ErrorKind::NotConnected, error))
                }
                (_, error) => Err(error),
            };
        }
        // SAFETY: the library gave as much room as was asked for, to nobody else.
        unsafe { copy_nonoverlapping(packet.as_ptr(), room, packet.len()) };
        // SAFETY: the room came from this session, and is not looked at hereafter.
        unsafe { (wintun.send_packet)(handle, room) };
        Ok(true)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: the session runs; nobody waits for its event or uses it hereafter.
        unsafe { (self.adapter.wintun.end_session)(self.handle.as_ptr()) };
    }
}

fn last_error() -> (u32, io::Error) {
    let error = io::Error::last_os_error();
    (error.raw_os_error().unwrap_or_default() as u32, error)
}
