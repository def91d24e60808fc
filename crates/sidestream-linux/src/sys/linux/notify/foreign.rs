//! Programs for another architecture, whose calls have other numbers and layouts.

use super::abi::{Answer, Notification};
use super::call::Shared;
use super::filter::{FOREIGN, SOCKETCALL};
use super::memory::Memory;
use crate::Notice;

/// Answers a call that would name a peer: on a socket of the internet it is refused.
pub(super) fn handle(shared: &Shared, call: &Notification) -> Answer {
    let nr = call.data.nr.cast_unsigned();
    let fd = match SOCKETCALL {
        // The arguments lie in memory, the first being the socket.
        Some((socketcall, _)) if nr == socketcall => {
            match Memory(call.pid).read_u32(call.data.args[1]) {
                Ok(fd) => fd,
                Err(_) => return Answer::Continue,
            }
        }
        _ if FOREIGN.contains(&nr) => call.data.args[0] as u32,
        // `io_uring_setup`.
        _ => return Answer::Failed(libc::ENOSYS),
    };
    match shared.grips.take(call.pid, fd.cast_signed()) {
        Ok(socket) if socket.is_inet() => {}
        Ok(_) => return Answer::Continue,
        // What was not made here was made by such a program.
        Err(_) if shared.grips.is_making() => {}
        Err(_) => return Answer::Continue,
    }
    shared.tell("foreign", Notice::Foreign);
    Answer::Failed(libc::EACCES)
}
