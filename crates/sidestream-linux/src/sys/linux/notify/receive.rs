//! `recvfrom`, `recvmsg` and `recvmmsg` that want to know the sender.

use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use super::abi::{Answer, Notification};
use super::address;
use super::call::{Shared, later, wait_readable};
use super::grip::Socket;
use super::memory::Memory;
use super::message::{Header, MANY_LEN, MAX_BYTES, Parts};
use crate::sys::imp::raw;

/// More than what the kernel says beside a datagram.
const MAX_CONTROL: usize = 1024;

/// Where a program wants a datagram.
#[derive(Clone, Debug)]
enum Place {
    /// `recvfrom`: the bytes, the address and its length.
    From {
        parts: Parts,
        name: u64,
        len_at: u64,
    },
    Message {
        header: Header,
        parts: Parts,
    },
}

/// Answers `recvfrom`, of which only those that want the sender are asked about.
pub(super) fn from(shared: &Arc<Shared>, call: &Notification) -> Answer {
    let [fd, at, len, flags, name, len_at] = call.data.args;
    let parts = Parts::one(at, len as usize);
    receive(shared, call, fd, flags, || Ok(Some(Place::From { parts, name, len_at })))
}

/// Answers `recvmsg`.
pub(super) fn message(shared: &Arc<Shared>, call: &Notification) -> Answer {
    let [fd, at, flags, ..] = call.data.args;
    let memory = Memory(call.pid);
    let header = match Header::read(memory, at) {
        Ok(header) if header.name != 0 => header,
        // Who does not ask for the sender is not told a wrong one.
        _ => return Answer::Continue,
    };
    receive(shared, call, fd, flags, || {
        Ok(Some(Place::Message { parts: header.parts(memory)?, header }))
    })
}

/// Takes a socket of datagrams whose senders have to be translated.
fn take(shared: &Shared, call: &Notification, fd: u64) -> Option<Socket> {
    let socket = shared.grips.take(call.pid, fd as i32).ok().filter(Socket::is_datagram)?;
    // One that waits now may be sent an answer later.
    let concerned = socket.is_blocking() || is_relayed(shared, &socket);
    concerned.then_some(socket)
}

/// Whether anything was led from this socket to us.
fn is_relayed(shared: &Shared, socket: &Socket) -> bool {
    let cookie = raw::option_u64(socket.fd(), libc::SOL_SOCKET, libc::SO_COOKIE);
    cookie.is_ok_and(|cookie| shared.book.has_relay(cookie))
}

fn receive(
    shared: &Arc<Shared>,
    call: &Notification,
    fd: u64,
    flags: u64,
    place: impl FnOnce() -> io::Result<Option<Place>>,
) -> Answer {
    let flags = flags as i32;
    if flags & (libc::MSG_ERRQUEUE | libc::MSG_OOB) != 0 {
        return Answer::Continue;
    }
    let Some(socket) = take(shared, call, fd) else { return Answer::Continue };
    let place = match place() {
        Ok(Some(place)) => place,
        Ok(None) => return Answer::Continue,
        Err(error) => return Err::<i64, _>(error).into(),
    };
    if !shared.is_waiting(call) {
        return Answer::Sent;
    }
    match receive_now(shared, call, &socket, &place, flags) {
        Err(error) if is_to_wait(&error, &socket, flags) => {
            later(shared, *call, move |shared, call| wait(shared, call, &socket, &place, flags))
        }
        other => other.into(),
    }
}

fn is_to_wait(error: &io::Error, socket: &Socket, flags: i32) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
        && flags & libc::MSG_DONTWAIT == 0
        && socket.is_blocking()
}

fn wait(
    shared: &Shared,
    call: &Notification,
    socket: &Socket,
    place: &Place,
    flags: i32,
) -> Answer {
    let timeout = timeout(socket);
    loop {
        if let Some(answer) = wait_readable(shared, call, socket.fd(), timeout) {
            return answer;
        }
        match receive_now(shared, call, socket, place, flags) {
            // Another thread was faster.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => return other.into(),
        }
    }
}

/// How long the program wants to wait (`SO_RCVTIMEO`).
fn timeout(socket: &Socket) -> Option<Duration> {
    let mut time = libc::timeval { tv_sec: 0, tv_usec: 0 };
    let mut len = size_of_val(&time) as libc::socklen_t;
    let (fd, level, option) = (socket.fd().as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVTIMEO);
    // SAFETY: the pointer and the length are of a live structure, which the kernel fills.
    unsafe { libc::getsockopt(fd, level, option, (&raw mut time).cast(), &raw mut len) };
    let time = Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
    (!time.is_zero()).then_some(time)
}

fn receive_now(
    shared: &Shared,
    call: &Notification,
    socket: &Socket,
    place: &Place,
    flags: i32,
) -> io::Result<i64> {
    let (parts, room) = match place {
        Place::From { parts, .. } => (parts, 0),
        Place::Message { parts, header } => (parts, header.control_len.min(MAX_CONTROL as u64)),
    };
    let mut bytes = vec![0; parts.len().min(MAX_BYTES)];
    let (mut name, mut control) = ([0_u64; address::MAX / 8], [0_u64; MAX_CONTROL / 8]);
    let mut part = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    // SAFETY: a message header is plain memory.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_name = name.as_mut_ptr().cast();
    message.msg_namelen = address::MAX as libc::socklen_t;
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = room as _;
    let mode = flags & (libc::MSG_PEEK | libc::MSG_TRUNC) | libc::MSG_DONTWAIT;
    // SAFETY: everything that the header points to is live.
    let len = unsafe { libc::recvmsg(socket.fd().as_raw_fd(), &raw mut message, mode) };
    let len = usize::try_from(len).map_err(|_negative| io::Error::last_os_error())?;
    let name: Vec<u8> = name.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let name = &name[..(message.msg_namelen as usize).min(name.len())];
    let name = sender(shared, name, socket.domain);
    let memory = Memory(call.pid);
    parts.write(memory, bytes.get(..len).unwrap_or(&bytes))?;
    match place {
        Place::From { name: at, len_at, .. } => {
            let room = memory.read_u32(*len_at)? as usize;
            memory.write(*at, name.get(..room).unwrap_or(&name))?;
            memory.write(*len_at, &(name.len() as u32).to_ne_bytes())?;
        }
        Place::Message { header, .. } => {
            let room = header.name_len as usize;
            memory.write(header.name, name.get(..room).unwrap_or(&name))?;
            let control: Vec<u8> = control.iter().flat_map(|word| word.to_ne_bytes()).collect();
            let control_len = message.msg_controllen as usize;
            memory.write(header.control, control.get(..control_len).unwrap_or_default())?;
            header.write(memory, name.len() as u32, control_len, message.msg_flags)?;
        }
    }
    Ok(len as i64)
}

/// Words who sent a datagram, which is the server where it came by a relay.
fn sender(shared: &Shared, name: &[u8], domain: i32) -> Vec<u8> {
    let server = address::exact(name).and_then(|from| shared.book.datagrams(from));
    server.map_or_else(|| name.to_vec(), |names| address::write(names.peer, domain))
}

/// Answers `recvmmsg`: how many came, or the error of the first.
pub(super) fn messages(shared: &Arc<Shared>, call: &Notification) -> Answer {
    let [fd, at, count, flags, time, _] = call.data.args;
    let (memory, count, flags) = (Memory(call.pid), (count as u32).min(1024), flags as i32);
    let first = Header::read(memory, at);
    if count == 0 || !first.is_ok_and(|header| header.name != 0) {
        return Answer::Continue;
    }
    let Some(socket) = take(shared, call, fd) else { return Answer::Continue };
    if !shared.is_waiting(call) {
        return Answer::Sent;
    }
    match many(shared, call, &socket, at, count, flags) {
        Err(error) if is_to_wait(&error, &socket, flags) => {
            let timeout = match time {
                0 => timeout(&socket),
                at => memory.read_array::<16>(at).ok().map(|time| {
                    let word = |bytes: &[u8]| {
                        bytes.first_chunk().map_or(0, |word| u64::from_ne_bytes(*word))
                    };
                    Duration::new(word(&time[..8]), word(&time[8..]) as u32 % 1_000_000_000)
                }),
            };
            later(shared, *call, move |shared, call| {
                if let Some(answer) = wait_readable(shared, call, socket.fd(), timeout) {
                    return answer;
                }
                many(shared, call, &socket, at, count, flags).into()
            })
        }
        other => other.into(),
    }
}

fn many(
    shared: &Shared,
    call: &Notification,
    socket: &Socket,
    at: u64,
    count: u32,
    flags: i32,
) -> io::Result<i64> {
    let memory = Memory(call.pid);
    for index in 0..u64::from(count) {
        let received = Header::read(memory, at + index * MANY_LEN).and_then(|header| {
            let place = Place::Message { parts: header.parts(memory)?, header };
            receive_now(shared, call, socket, &place, flags)
        });
        match received {
            Ok(len) => {
                memory.write(at + index * MANY_LEN + 56, &(len as u32).to_ne_bytes())?;
            }
            Err(error) if index == 0 => return Err(error),
            Err(_error) => return Ok(index as i64),
        }
    }
    Ok(count.into())
}
