//! `sendto`, `sendmsg` and `sendmmsg` with an address.

use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use super::abi::{Answer, Notification};
use super::address::{self, Meaning};
use super::call::{Shared, later};
use super::connect::{self, unreadable};
use super::grip::Socket;
use super::memory::Memory;
use super::message::{Header, MANY_LEN, Parts};
use super::relay;

/// Something that is sent, copied out of the process before it is looked at.
struct Sent {
    name: Vec<u8>,
    bytes: Vec<u8>,
    control: Vec<u8>,
    flags: i32,
}

/// Answers `sendto`, of which only those with an address are asked about.
pub(super) fn to(shared: &Arc<Shared>, call: &Notification) -> Answer {
    let [fd, at, len, flags, name, name_len] = call.data.args;
    let socket = match socket(shared, call, fd) {
        Ok(socket) => socket,
        Err(answer) => return answer,
    };
    let memory = Memory(call.pid);
    let name_len = (name_len as usize).min(address::MAX);
    let sent = memory.read_vec(name, name_len).and_then(|name| {
        let bytes = Parts::one(at, len as usize).read(memory)?;
        Ok(Sent { name, bytes, control: Vec::new(), flags: flags as i32 })
    });
    match sent {
        Ok(sent) if shared.is_waiting(call) => send(shared, call, socket, sent),
        Ok(_) => Answer::Sent,
        Err(error) => failed(shared, error),
    }
}

/// Answers `sendmsg`.
pub(super) fn message(shared: &Arc<Shared>, call: &Notification) -> Answer {
    let [fd, at, flags, ..] = call.data.args;
    let memory = Memory(call.pid);
    let header = match Header::read(memory, at) {
        Ok(header) => header,
        Err(error) => return unreadable(shared, &error),
    };
    if header.name == 0 || header.name_len == 0 {
        return Answer::Continue;
    }
    let socket = match socket(shared, call, fd) {
        Ok(socket) => socket,
        Err(answer) => return answer,
    };
    match read(memory, &header, flags as i32) {
        Ok(sent) if shared.is_waiting(call) => send(shared, call, socket, sent),
        Ok(_) => Answer::Sent,
        Err(error) => failed(shared, error),
    }
}

/// Answers `sendmmsg`: how many were sent, or the error of the first.
pub(super) fn messages(shared: &Arc<Shared>, call: &Notification) -> Answer {
    let [fd, at, count, flags, ..] = call.data.args;
    let memory = Memory(call.pid);
    let count = (count as u32).min(1024);
    let headers: io::Result<Vec<_>> =
        (0..u64::from(count)).map(|index| Header::read(memory, at + index * MANY_LEN)).collect();
    let headers = match headers {
        Ok(headers) => headers,
        Err(error) => return unreadable(shared, &error),
    };
    if headers.iter().all(|header| header.name == 0 || header.name_len == 0) {
        return Answer::Continue;
    }
    let mut done = 0;
    for (index, header) in headers.iter().enumerate() {
        let socket = match socket(shared, call, fd) {
            Ok(socket) => socket,
            Err(answer) => return answer,
        };
        let answer = match read(memory, header, flags as i32) {
            Ok(_) if !shared.is_waiting(call) => return Answer::Sent,
            Ok(sent) => send_now(shared, call, &socket, &sent),
            Err(error) => Err(error),
        };
        match answer {
            Ok(len) => {
                let len_at = at + index as u64 * MANY_LEN + 56;
                if memory.write(len_at, &(len as u32).to_ne_bytes()).is_err() {
                    return Answer::Failed(libc::EFAULT);
                }
                done += 1;
            }
            Err(error) if done == 0 => return Err::<i64, _>(error).into(),
            Err(_error) => break,
        }
    }
    Answer::Done(done)
}

fn failed(shared: &Shared, error: io::Error) -> Answer {
    match error.raw_os_error() {
        Some(libc::EMSGSIZE | libc::EFAULT) => Err::<i64, _>(error).into(),
        _ => unreadable(shared, &error),
    }
}

/// Takes a socket of the internet, or says what the kernel shall do.
fn socket(shared: &Shared, call: &Notification, fd: u64) -> Result<Socket, Answer> {
    match shared.grips.take(call.pid, fd as i32) {
        Ok(socket) if socket.is_inet() => Ok(socket),
        Ok(_) | Err(_) => Err(Answer::Continue),
    }
}

fn read(memory: Memory, header: &Header, flags: i32) -> io::Result<Sent> {
    let name = match header.name {
        0 => Vec::new(),
        at => memory.read_vec(at, (header.name_len as usize).min(address::MAX))?,
    };
    let bytes = header.parts(memory)?.read(memory)?;
    let control = match header.control {
        0 => Vec::new(),
        at => memory.read_vec(at, header.control_len.min(4096) as usize)?,
    };
    Ok(Sent { name, bytes, control, flags })
}

fn send(shared: &Arc<Shared>, call: &Notification, socket: Socket, sent: Sent) -> Answer {
    if !socket.is_stream() {
        return send_now(shared, call, &socket, &sent).into();
    }
    if sent.flags & libc::MSG_FASTOPEN == 0 {
        // An address means nothing to a stream.
        return Answer::Continue;
    }
    // What opens the connection may wait until it is sent.
    later(shared, *call, move |shared, call| open_with(shared, call, &socket, &sent))
}

/// Connects and sends in one (TCP Fast Open): two steps towards us.
fn open_with(shared: &Shared, call: &Notification, socket: &Socket, sent: &Sent) -> Answer {
    let Meaning::Peer(server) = address::read(&sent.name, socket.domain) else {
        return transmit(socket, &sent.name, sent).into();
    };
    if address::of(socket.fd(), true).is_err() {
        match connect::prepare(shared, call, socket, server) {
            None => return transmit(socket, &sent.name, sent).into(),
            Some(Err(error)) => return Err::<i64, _>(error).into(),
            Some(Ok(aside)) => match connect::lead(shared, socket, aside) {
                Answer::Done(_) | Answer::Failed(libc::EINPROGRESS) => {}
                refused => return refused,
            },
        }
    }
    let flags = sent.flags & !libc::MSG_FASTOPEN | libc::MSG_NOSIGNAL;
    let rest = Sent { name: Vec::new(), bytes: Vec::new(), control: Vec::new(), flags };
    let opened = transmit_bytes(socket, &[], &sent.bytes, &[], rest.flags);
    match opened {
        // Not yet open; the program sends again when it is.
        Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => {
            Answer::Failed(libc::EINPROGRESS)
        }
        other => other.into(),
    }
}

fn send_now(shared: &Shared, call: &Notification, socket: &Socket, sent: &Sent) -> io::Result<i64> {
    let Meaning::Peer(server) = address::read(&sent.name, socket.domain) else {
        return transmit(socket, &sent.name, sent);
    };
    if !socket.is_datagram() {
        return transmit(socket, &sent.name, sent);
    }
    match relay::to(shared, call, socket, server)? {
        Some(relay) => {
            let control = without_source(&sent.control);
            let name = address::write(relay, socket.domain);
            transmit_bytes(socket, &name, &sent.bytes, &control, sent.flags)
        }
        None => transmit(socket, &sent.name, sent),
    }
}

fn transmit(socket: &Socket, name: &[u8], sent: &Sent) -> io::Result<i64> {
    transmit_bytes(socket, name, &sent.bytes, &sent.control, sent.flags)
}

fn transmit_bytes(
    socket: &Socket,
    name: &[u8],
    bytes: &[u8],
    control: &[u8],
    flags: i32,
) -> io::Result<i64> {
    // Aligned as the kernel wants its headers.
    let words = control.len().div_ceil(8);
    let mut aligned = vec![0_u64; words];
    for (word, bytes) in aligned.iter_mut().zip(control.chunks(8)) {
        let mut whole = [0; 8];
        whole[..bytes.len()].copy_from_slice(bytes);
        *word = u64::from_ne_bytes(whole);
    }
    let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: a message header is plain memory.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    if !name.is_empty() {
        message.msg_name = name.as_ptr().cast_mut().cast();
        message.msg_namelen = name.len() as libc::socklen_t;
    }
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    if !control.is_empty() {
        message.msg_control = aligned.as_mut_ptr().cast();
        message.msg_controllen = control.len() as _;
    }
    // SAFETY: everything that the header points to is live.
    let sent = unsafe {
        libc::sendmsg(socket.fd().as_raw_fd(), &raw const message, flags | libc::MSG_NOSIGNAL)
    };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(sent as i64) }
}

/// Leaves out which source and device a datagram shall have, as it goes by loopback.
fn without_source(control: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(control.len());
    let mut rest = control;
    // Each: length 8, level 4, type 4, then its data, padded to eight.
    while let (Some(len), Some(kind)) = (rest.first_chunk::<8>(), rest.get(8..16)) {
        let len = usize::try_from(u64::from_ne_bytes(*len)).unwrap_or(usize::MAX);
        if len < 16 || len > rest.len() {
            break;
        }
        let padded = len.next_multiple_of(8).min(rest.len());
        let word = |bytes: &[u8]| bytes.first_chunk().map_or(0, |word| i32::from_ne_bytes(*word));
        let is_source = matches!(
            (word(kind), word(&kind[4..])),
            (libc::SOL_IP, libc::IP_PKTINFO) | (libc::SOL_IPV6, libc::IPV6_PKTINFO)
        );
        if !is_source {
            kept.extend(&rest[..padded]);
        }
        rest = &rest[padded..];
    }
    kept
}
