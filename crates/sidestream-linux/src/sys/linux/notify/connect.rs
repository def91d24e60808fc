//! `connect`, which the supervisor performs on the command's own socket.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use sidestream_flow::Transport;

use super::abi::{Answer, Notification};
use super::address::{self, Meaning};
use super::book::{Fact, Names};
use super::call::{Shared, later};
use super::grip::Socket;
use super::memory::Memory;
use super::relay;
use super::route::Route;
use crate::Notice;

/// So many connections may wait for us before another one is made from a thread of its own: the
/// kernel may have a blocking one wait.
const FEW: usize = 64;

/// Answers `connect`.
pub(super) fn handle(shared: &Arc<Shared>, call: &Notification) -> Answer {
    let len = call.data.args[2] as i32;
    let Some(len) = usize::try_from(len).ok().filter(|len| *len <= address::MAX) else {
        return Answer::Continue;
    };
    let bytes = match Memory(call.pid).read_vec(call.data.args[1], len) {
        Ok(bytes) => bytes,
        Err(error) => return unreadable(shared, &error),
    };
    let socket = match shared.grips.take(call.pid, call.data.args[0] as i32) {
        Ok(socket) => socket,
        Err(error) => return untaken(shared, &bytes, &error),
    };
    if !shared.is_waiting(call) {
        return Answer::Sent;
    }
    if !socket.is_inet() {
        return Answer::Continue;
    }
    match address::read(&bytes, socket.domain) {
        Meaning::Peer(server) if socket.is_stream() => stream(shared, call, socket, server, bytes),
        Meaning::Peer(server) if socket.is_datagram() => {
            datagram(shared, call, socket, server, bytes)
        }
        _ => perform(shared, &socket, &bytes),
    }
}

/// What becomes of a call whose memory we may not read.
pub(super) fn unreadable(shared: &Shared, error: &io::Error) -> Answer {
    if error.raw_os_error() != Some(libc::EFAULT) {
        tracing::debug!(%error, "a process cannot be looked into");
        shared.tell("hidden", Notice::Hidden);
    }
    Answer::Continue
}

/// What becomes of a socket that we cannot take.
fn untaken(shared: &Shared, bytes: &[u8], error: &io::Error) -> Answer {
    if matches!(address::read(bytes, libc::AF_INET6), Meaning::Peer(_)) {
        match error.raw_os_error() {
            // The kernel will say so.
            Some(libc::EBADF | libc::ENOTSOCK) => {}
            Some(libc::EMFILE | libc::ENFILE) => shared.tell("scarce", Notice::Scarce),
            _ => {
                tracing::debug!(%error, "a socket cannot be taken");
                shared.tell("hidden", Notice::Hidden);
            }
        }
    }
    Answer::Continue
}

/// Connects as it was asked for.
fn perform(shared: &Shared, socket: &Socket, bytes: &[u8]) -> Answer {
    let connected = address::connect(socket.fd(), bytes);
    if connected.is_ok() && socket.kind == libc::SOCK_STREAM {
        socket.release(&shared.grips);
    }
    connected.map(|()| 0).into()
}

/// Connects directly, from a thread of its own where that may wait.
fn direct(shared: &Arc<Shared>, call: &Notification, socket: Socket, bytes: Vec<u8>) -> Answer {
    if socket.is_blocking() && socket.kind == libc::SOCK_STREAM {
        later(shared, *call, move |shared, _call| perform(shared, &socket, &bytes))
    } else {
        perform(shared, &socket, &bytes)
    }
}

fn stream(
    shared: &Arc<Shared>,
    call: &Notification,
    socket: Socket,
    server: SocketAddr,
    bytes: Vec<u8>,
) -> Answer {
    // It is connected already, and the kernel says so.
    if address::of(socket.fd(), true).is_ok() {
        return perform(shared, &socket, &bytes);
    }
    let Some(prepared) = prepare(shared, call, &socket, server) else {
        return direct(shared, call, socket, bytes);
    };
    match prepared {
        Err(error) => Err::<i64, _>(error).into(),
        Ok(aside) if shared.book.waiting() > FEW && socket.is_blocking() => {
            later(shared, *call, move |shared, _call| lead(shared, &socket, aside))
        }
        Ok(aside) => lead(shared, &socket, aside),
    }
}

/// A connection that will be led to us.
pub(super) struct Aside {
    to: SocketAddr,
    fact: Fact,
}

/// Finds out all about a connection; `None` if it is none of ours.
pub(super) fn prepare(
    shared: &Shared,
    call: &Notification,
    socket: &Socket,
    server: SocketAddr,
) -> Option<io::Result<Aside>> {
    if socket.has_device() {
        shared.tell("device", Notice::BoundToDevice);
        return None;
    }
    let source = match shared.routes.of(Transport::Tcp, server) {
        Ok(Route::Aside(source)) => source,
        Ok(Route::Direct) => return None,
        Err(error) => return Some(Err(error)),
    };
    let to = shared.listener_for(server)?;
    let bound = address::of(socket.fd(), false).ok().map(|local| local.ip());
    let source = bound.filter(|ip| !ip.is_unspecified()).unwrap_or(source);
    let process = shared.table.process(call.pid);
    Some(Ok(Aside { to, fact: Fact { server, source, process } }))
}

/// Connects to us.
pub(super) fn lead(shared: &Shared, socket: &Socket, aside: Aside) -> Answer {
    let Aside { to, fact } = aside;
    let connected = address::connect(socket.fd(), &address::write(to, socket.domain));
    let is_made = match &connected {
        Ok(()) => true,
        Err(error) => error.raw_os_error() == Some(libc::EINPROGRESS),
    };
    if is_made && let Ok(client) = address::of(socket.fd(), false) {
        if let Some(inode) = socket.inode {
            let local = SocketAddr::new(fact.source, client.port());
            shared.book.note_inode(inode, Names { local, peer: fact.server }, socket.domain);
        }
        shared.book.note(client, fact);
    }
    if is_made {
        socket.release(&shared.grips);
    }
    connected.map(|()| 0).into()
}

fn datagram(
    shared: &Arc<Shared>,
    call: &Notification,
    socket: Socket,
    server: SocketAddr,
    bytes: Vec<u8>,
) -> Answer {
    match relay::to(shared, call, &socket, server) {
        Ok(Some(relay)) => perform(shared, &socket, &address::write(relay, socket.domain)),
        Ok(None) => direct(shared, call, socket, bytes),
        Err(error) => Err::<i64, _>(error).into(),
    }
}
