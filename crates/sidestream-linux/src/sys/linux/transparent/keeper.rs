//! The keeper of a gateway: a process that keeps the rights which the proxy gives up.
//!
//! It makes the sockets that speak from servers' addresses, and removes what the kernel would not
//! remove by itself once the proxy is gone, in whatever way that went. Like the keeper of a
//! sandbox it is a fork that never becomes another program, and allocates nothing.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::sync::{Mutex, PoisonError};

use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

use crate::sys::imp::keeper::close_descriptors;
use crate::sys::imp::sockets::{bind, transparent, udp_kind};
use crate::sys::imp::udp::Source;
use crate::sys::imp::{passing, raw};

/// The family, the port and the address that a socket is to speak from.
const REQUEST_LEN: usize = 19;

/// The proxy's side of the keeper.
#[derive(Debug)]
pub(super) struct Keeper {
    service: Mutex<OwnedFd>,
    /// Until it has been waited for: then it is another's.
    pid: Mutex<Option<i32>>,
}

impl Keeper {
    /// Starts one that sends these messages of rtnetlink when the caller is gone.
    pub(super) fn start(undo: Vec<Vec<u8>>) -> io::Result<Self> {
        let (service, theirs) = raw::socket_pair()?;
        let route = raw::socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE)?;
        // A signal handler of the caller must not run in the keeper, and a signal to all of the
        // terminal is the proxy's to heed.
        let mask = raw::block_signals();
        // SAFETY: the keeper makes system calls on memory that was made before, and never returns.
        let forked = unsafe { raw::fork() };
        if let Ok(0) = forked {
            run(&theirs, &route, &undo);
        }
        raw::restore_signals(&mask);
        Ok(Self { service: Mutex::new(service), pid: Mutex::new(Some(forked?)) })
    }

    /// Returns a descriptor at which EOF is read when the keeper has ended.
    pub(super) fn watch(&self) -> io::Result<OwnedFd> {
        self.service.lock().unwrap_or_else(PoisonError::into_inner).try_clone()
    }
}

impl Source for Keeper {
    fn take(&self, from: SocketAddr) -> io::Result<OwnedFd> {
        let service = self.service.lock().unwrap_or_else(PoisonError::into_inner);
        raw::send(service.as_fd(), &encode(from))?;
        let mut errno = [0; 4];
        let (len, sockets) = passing::receive(service.as_fd(), &mut errno)?;
        let ended = || io::Error::new(io::ErrorKind::BrokenPipe, "the keeper has ended");
        match (sockets.into_iter().next(), i32::from_ne_bytes(errno)) {
            (Some(socket), _) => Ok(socket),
            (None, 0) => Err(ended()),
            (None, _) if len == 0 => Err(ended()),
            (None, errno) => Err(io::Error::from_raw_os_error(errno)),
        }
    }
}

impl Keeper {
    /// Ends the keeper; what it removes is gone when this returns.
    pub(super) fn end(&self) {
        let service = self.service.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever else has the descriptor.
        // SAFETY: the call takes no pointers.
        unsafe { libc::shutdown(service.as_raw_fd(), libc::SHUT_RDWR) };
        drop(service);
        let pid = self.pid.lock().unwrap_or_else(PoisonError::into_inner).take();
        while let Some(pid) = pid
            && raw::wait(pid, 0).is_err_and(|error| error.kind() == io::ErrorKind::Interrupted)
        {
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.end();
    }
}

fn encode(addr: SocketAddr) -> [u8; REQUEST_LEN] {
    let mut bytes = [0; REQUEST_LEN];
    let [family, high, low, ip @ ..] = &mut bytes;
    *family = if addr.is_ipv4() { 4 } else { 6 };
    [*high, *low] = addr.port().to_be_bytes();
    match addr.ip() {
        IpAddr::V4(addr) => ip[..4].copy_from_slice(&addr.octets()),
        IpAddr::V6(addr) => ip.copy_from_slice(&addr.octets()),
    }
    bytes
}

fn decode(bytes: [u8; REQUEST_LEN]) -> SocketAddr {
    let [family, high, low, ip @ ..] = bytes;
    let [a, b, c, d, ..] = ip;
    let ip = if family == 4 { IpAddr::from([a, b, c, d]) } else { IpAddr::from(ip) };
    SocketAddr::new(ip, u16::from_be_bytes([high, low]))
}

/// Runs the keeper; it ends with the process.
fn run(service: &OwnedFd, route: &OwnedFd, undo: &[Vec<u8>]) -> ! {
    // A panic would unwind into the caller's code, in this copy of it.
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            raw::exit(70);
        }
    }
    let _bomb = Bomb;
    raw::set_name(c"sidestream-gate");
    let needed = CapabilitySet::NET_ADMIN | CapabilitySet::NET_BIND_SERVICE;
    let inheritable = CapabilitySet::empty();
    // If the kernel refuses, it has more rights than it needs.
    _ = set_capabilities(
        None,
        CapabilitySets { effective: needed, permitted: needed, inheritable },
    );
    // Above all the table, which is to go with the caller.
    close_descriptors(&[service.as_raw_fd(), route.as_raw_fd()], false);
    let mut request = [0; REQUEST_LEN];
    loop {
        match raw::receive(service.as_fd(), &mut request, 0) {
            Ok(REQUEST_LEN) => serve(service, decode(request)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ended => break,
        }
    }
    for message in undo {
        // What somebody else has removed already is gone as well.
        _ = raw::send(route.as_fd(), message);
    }
    raw::exit(0);
}

fn serve(service: &OwnedFd, from: SocketAddr) {
    let made = transparent(udp_kind(from)).and_then(|socket| {
        bind(socket.as_fd(), from)?;
        Ok(socket)
    });
    let (errno, fd): (i32, Option<RawFd>) = match &made {
        Ok(socket) => (0, Some(socket.as_raw_fd())),
        Err(error) => (error.raw_os_error().unwrap_or(libc::EIO), None),
    };
    // A caller that has gone is noticed when it is listened to.
    _ = passing::send(service.as_fd(), &errno.to_ne_bytes(), fd.as_slice());
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn every_address_survives_the_way() {
        for addr in ["192.0.2.1:53", "[2001:db8::1]:65535", "[::ffff:192.0.2.1]:1"] {
            let addr = addr.parse().unwrap();
            assert_eq!(decode(encode(addr)), addr);
        }
    }
}
