//! The filter: which calls the kernel asks about.

use std::io;
use std::mem::offset_of;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::abi::Data;

type Instruction = libc::sock_filter;

/// A program for the kernel, made before the fork.
pub(in crate::sys::imp) struct Filter {
    program: Vec<Instruction>,
    /// What the one message has that carries the listener past the filter.
    nonce: u64,
}

const ALLOW: u32 = 0x7fff_0000;
const NOTIFY: u32 = 0x7fc0_0000;
const ERRNO: u32 = 0x0005_0000;

#[cfg(target_arch = "x86_64")]
pub(super) const NATIVE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
pub(super) const NATIVE: u32 = 0xc000_00b7;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) const NATIVE: u32 = 0;

/// The numbers that 32-bit programs have for calls that name peers.
#[cfg(target_arch = "x86_64")]
pub(super) const FOREIGN: [u32; 4] = [362, 369, 370, 345];
#[cfg(not(target_arch = "x86_64"))]
pub(super) const FOREIGN: [u32; 4] = [283, 290, 296, 374];

/// The one call of 32-bit x86 for all that sockets do, and what of it names peers.
#[cfg(target_arch = "x86_64")]
pub(super) const SOCKETCALL: Option<(u32, [u32; 4])> = Some((102, [3, 11, 16, 20]));
#[cfg(not(target_arch = "x86_64"))]
pub(super) const SOCKETCALL: Option<(u32, [u32; 4])> = None;

/// The same on all architectures.
const IO_URING_SETUP: u32 = 425;

/// An open with one of these is not for reading a file.
pub(super) const NOT_READING: i32 =
    libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_DIRECTORY | libc::O_PATH;

const fn statement(code: u32, k: u32) -> Instruction {
    Instruction { code: code as u16, jt: 0, jf: 0, k }
}

const fn jump(condition: u32, k: u32, jt: u8, jf: u8) -> Instruction {
    Instruction { code: (libc::BPF_JMP | condition | libc::BPF_K) as u16, jt, jf, k }
}

const fn load(offset: usize) -> Instruction {
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset as u32)
}

const fn answer(what: u32) -> Instruction {
    statement(libc::BPF_RET | libc::BPF_K, what)
}

/// Loads the lower half of an argument (both architectures are little-endian).
const fn low(argument: usize) -> Instruction {
    load(offset_of!(Data, args) + 8 * argument)
}

const fn high(argument: usize) -> Instruction {
    load(offset_of!(Data, args) + 8 * argument + 4)
}

fn notify() -> Vec<Instruction> {
    vec![answer(NOTIFY)]
}

/// Asks if a pointer is given.
fn if_given(argument: usize) -> Vec<Instruction> {
    vec![
        low(argument),
        jump(libc::BPF_JEQ, 0, 0, 2),
        high(argument),
        jump(libc::BPF_JEQ, 0, 1, 0),
        answer(NOTIFY),
        answer(ALLOW),
    ]
}

/// Asks unless one of these bits is set.
fn unless_bits(argument: usize, bits: i32) -> Vec<Instruction> {
    let test = jump(libc::BPF_JSET, bits.cast_unsigned(), 1, 0);
    vec![low(argument), test, answer(NOTIFY), answer(ALLOW)]
}

fn if_bits(argument: usize, bits: u32) -> Vec<Instruction> {
    vec![low(argument), jump(libc::BPF_JSET, bits, 0, 1), answer(NOTIFY), answer(ALLOW)]
}

/// Asks if the argument is one of these.
fn if_among(argument: usize, values: &[u32]) -> Vec<Instruction> {
    let mut block = vec![low(argument)];
    for (index, value) in values.iter().enumerate() {
        block.push(jump(libc::BPF_JEQ, *value, (values.len() - index) as u8, 0));
    }
    block.extend([answer(ALLOW), answer(NOTIFY)]);
    block
}

/// Asks unless the fourth argument, which `sendmsg` does not have, is the nonce.
fn unless_nonce(nonce: u64) -> Vec<Instruction> {
    vec![
        low(3),
        jump(libc::BPF_JEQ, nonce as u32, 0, 3),
        high(3),
        jump(libc::BPF_JEQ, (nonce >> 32) as u32, 0, 1),
        answer(ALLOW),
        answer(NOTIFY),
    ]
}

/// What is asked about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// Sockets are made by the supervisor, since it may not take them from a process.
    pub(super) sockets: bool,
    /// Files are covered.
    pub(super) files: bool,
}

impl Filter {
    pub(super) fn new(extent: Extent, nonce: u64) -> Self {
        let mut program = vec![load(offset_of!(Data, arch))];
        let foreign = foreign();
        program.push(jump(libc::BPF_JEQ, NATIVE, foreign.len() as u8, 0));
        program.extend(foreign);
        program.push(load(offset_of!(Data, nr)));
        if cfg!(target_arch = "x86_64") {
            // The x32 numbers lead to the same calls.
            program.push(jump(libc::BPF_JGE, 0x4000_0000, 0, 1));
            program.push(answer(ERRNO | libc::ENOSYS.cast_unsigned()));
        }
        let mut on = |call: libc::c_long, block: Vec<Instruction>| {
            program.push(jump(libc::BPF_JEQ, call as u32, 0, block.len() as u8));
            program.extend(block);
        };
        on(libc::SYS_connect, notify());
        on(libc::SYS_sendto, if_given(4));
        on(libc::SYS_sendmsg, unless_nonce(nonce));
        on(libc::SYS_sendmmsg, notify());
        on(libc::SYS_recvfrom, if_given(4));
        on(libc::SYS_recvmsg, unless_bits(2, libc::MSG_ERRQUEUE));
        on(libc::SYS_recvmmsg, unless_bits(3, libc::MSG_ERRQUEUE));
        on(libc::SYS_getpeername, notify());
        on(libc::SYS_getsockname, notify());
        on(libc::SYS_io_uring_setup, notify());
        on(libc::SYS_seccomp, if_bits(1, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER as u32));
        if extent.files {
            on(libc::SYS_openat, unless_bits(2, NOT_READING));
            on(libc::SYS_openat2, notify());
            #[cfg(target_arch = "x86_64")]
            on(libc::SYS_open, unless_bits(1, NOT_READING));
        }
        if extent.sockets {
            on(libc::SYS_socket, if_among(0, &[libc::AF_INET as u32, libc::AF_INET6 as u32]));
            on(libc::SYS_listen, notify());
        }
        program.push(answer(ALLOW));
        Self { program, nonce }
    }

    /// Puts this process under the filter, for good, and returns the listener. Does not allocate.
    pub(super) fn install(&self) -> io::Result<OwnedFd> {
        // SAFETY: the call takes no pointers.
        if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } < 0 {
            return Err(io::Error::last_os_error());
        }
        let program = libc::sock_fprog {
            len: self.program.len() as u16,
            filter: self.program.as_ptr().cast_mut(),
        };
        // Without the second (before 5.19) any signal has a call that is under way asked anew.
        let listener = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
        for flags in [listener | WAIT_KILLABLE_RECV, listener] {
            let mode = libc::SECCOMP_SET_MODE_FILTER;
            // SAFETY: the program lives during the call, which copies it.
            let made = unsafe { libc::syscall(libc::SYS_seccomp, mode, flags, &raw const program) };
            match i32::try_from(made) {
                // SAFETY: the kernel just gave this descriptor to us and to nobody else.
                Ok(fd @ 0..) => return Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
                _ if io::Error::last_os_error().raw_os_error() == Some(libc::EINVAL) => {}
                _ => break,
            }
        }
        Err(io::Error::last_os_error())
    }

    /// Sends a message and a descriptor such that the filter lets it by. Does not allocate.
    pub(super) fn send_past(
        &self,
        to: BorrowedFd<'_>,
        bytes: &[u8],
        fd: BorrowedFd<'_>,
    ) -> io::Result<()> {
        let mut control = [0_u64; 3];
        let mut part =
            libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        // SAFETY: a message header is plain memory.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(&control) as _;
        // SAFETY: the control room is live, aligned and just large enough for one descriptor;
        // everything that the header points to is live during the call.
        let sent = unsafe {
            let header = libc::CMSG_FIRSTHDR(&raw const message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(4) as _;
            libc::CMSG_DATA(header).cast::<i32>().write_unaligned(fd.as_raw_fd());
            let (to, message) = (to.as_raw_fd(), &raw const message);
            libc::syscall(libc::SYS_sendmsg, to, message, libc::MSG_NOSIGNAL, self.nonce)
        };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

const WAIT_KILLABLE_RECV: libc::c_ulong = 1 << 5;

/// What of programs for another architecture is asked about; each path ends.
fn foreign() -> Vec<Instruction> {
    let mut program = vec![load(offset_of!(Data, nr))];
    let mut on = |call: u32, block: Vec<Instruction>| {
        program.push(jump(libc::BPF_JEQ, call, 0, block.len() as u8));
        program.extend(block);
    };
    for call in FOREIGN {
        on(call, notify());
    }
    if let Some((call, kinds)) = SOCKETCALL {
        on(call, if_among(0, &kinds));
    }
    on(IO_URING_SETUP, notify());
    program.push(answer(ALLOW));
    program
}
