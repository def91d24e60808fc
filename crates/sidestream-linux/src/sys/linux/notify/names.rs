//! Who a socket is connected to, and from where: as the program meant it.

use std::net::SocketAddr;

use super::abi::{Answer, Notification};
use super::address;
use super::book::Names;
use super::call::Shared;
use super::grip::{self, Socket};
use super::memory::Memory;

/// Answers `getpeername` and `getsockname`.
pub(super) fn handle(shared: &Shared, call: &Notification, peer: bool) -> Answer {
    let fd = call.data.args[0] as i32;
    let (names, domain) = match shared.grips.take(call.pid, fd) {
        Ok(socket) if socket.is_inet() => match known(shared, &socket) {
            Some(names) => (names, socket.domain),
            None => return Answer::Continue,
        },
        Ok(_) => return Answer::Continue,
        // One that was let go of is known by its number.
        Err(_) if shared.grips.is_making() => {
            let inode = grip::inode(call.pid, fd).ok();
            match inode.and_then(|inode| shared.book.inode(inode)) {
                Some((names, domain)) => (names, domain),
                None => return Answer::Continue,
            }
        }
        Err(_) => return Answer::Continue,
    };
    let addr = if peer { names.peer } else { names.local };
    give(call, addr, domain, call.data.args[1], call.data.args[2]).unwrap_or(Answer::Continue)
}

/// Finds how the program shall see the ends of its connection, if it was led to us.
pub(super) fn known(shared: &Shared, socket: &Socket) -> Option<Names> {
    let peer = address::of(socket.fd(), true).ok()?;
    if shared.is_ours(peer) {
        shared.book.stream(address::of(socket.fd(), false).ok()?)
    } else {
        shared.book.datagrams(peer)
    }
}

/// Writes an address where the program wants it, as far as there is room, and its length.
fn give(
    call: &Notification,
    addr: SocketAddr,
    domain: i32,
    at: u64,
    len_at: u64,
) -> std::io::Result<Answer> {
    let memory = Memory(call.pid);
    let room = memory.read_u32(len_at)?;
    if room.cast_signed() < 0 {
        return Ok(Answer::Failed(libc::EINVAL));
    }
    let bytes = address::write(addr, domain);
    let shown = bytes.get(..room as usize).unwrap_or(&bytes);
    memory.write(at, shown)?;
    memory.write(len_at, &(bytes.len() as u32).to_ne_bytes())?;
    Ok(Answer::Done(0))
}
