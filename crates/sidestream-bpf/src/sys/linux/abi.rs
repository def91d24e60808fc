//! What the hooks and the loader both know: keep it equal to `bpf/shared.h`.

use std::net::{IpAddr, Ipv6Addr};

/// The names of the hooks that look at addresses.
pub(super) const ADDRESS_HOOKS: [&str; 10] = [
    "connect4",
    "connect6",
    "sendmsg4",
    "sendmsg6",
    "recvmsg4",
    "recvmsg6",
    "getpeername4",
    "getpeername6",
    "getsockname4",
    "getsockname6",
];
/// The name of the hook at the end of a socket.
pub(super) const RELEASE_HOOK: &str = "sock_release";
/// The tracepoints, each with the name of its program.
pub(super) const TRACEPOINTS: [(&str, &str); 3] = [
    ("process_fork", "sched_process_fork"),
    ("process_exec", "sched_process_exec"),
    ("process_exit", "sched_process_exit"),
];

pub(super) const NO_SLOT: u32 = u32::MAX;

/// How many places there are for counters, and how often.
pub(super) const COUNTERS: usize = 16;
pub(super) const STRIPES: usize = 8;

/// The parts of a cell's state: `enum cell_state`.
pub(super) const CLAIM: u32 = 1;
pub(super) const CLAIMS: u32 = 0xffff;
pub(super) const DISTANCE_SHIFT: u32 = 16;
pub(super) const FAR: u32 = 0xff;
pub(super) const IS_CLOSED: u32 = 1 << 24;
pub(super) const IS_ACCEPTED: u32 = 1 << 25;
pub(super) const IS_USED: u32 = 1 << 26;
pub(super) const HAS_CHAIN: u32 = 1 << 27;
pub(super) const WAITS_AT_V4: u32 = 1 << 28;
pub(super) const WAITS_AT_V6: u32 = 1 << 29;

pub(super) const NS_PER_TICK: u64 = 10_000_000;

/// What is told once of a network namespace: that a connection passed, and that it is there.
pub(super) const TOLD_OF_NETS: [u64; 2] = [2, 6];

pub(super) const HAS_SOURCE: u8 = 1;
pub(super) const HAS_BOUND: u8 = 2;
pub(super) const IS_MPTCP: u8 = 4;
pub(super) const IS_V4_MAPPED: u8 = 8;

/// Declares structs without padding of the compiler's, and checks their sizes.
macro_rules! layout {
    ($($(#[$doc:meta])* $name:ident, $size:literal { $($field:ident: $kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        #[repr(C)]
        pub(super) struct $name { $(pub(super) $field: $kind,)* }

        const _: () = assert!(size_of::<$name>() == $size);

        // SAFETY: it is `repr(C)`, and of integers and arrays of them only; their sizes add up
        // to its size, so that it has no padding.
        unsafe impl aya::Pod for $name {}
        const _: () = assert!(0 $(+ size_of::<$kind>())* == $size);
    )*};
}

/// An address of either family, IPv4 mapped into IPv6.
pub(super) type Address = [u8; 16];

layout! {
    /// `struct origin`.
    OriginEntry, 192 {
        destination: Address,
        source: Address,
        bound: Address,
        started_ns: u64,
        cgroup_id: u64,
        netns_cookie: u64,
        socket_key: u64,
        pid: u32,
        tid: u32,
        uid: u32,
        parent: u32,
        slot: u32,
        next: u32,
        port: u16,
        verdict: u16,
        protocol: u8,
        flags: u8,
        path_mtu_discovery: u8,
        padding: u8,
        comm: [u8; 16],
        exe: [u8; 64],
    }

    /// `struct knock`.
    KnockEntry, 24 {
        netns_cookie: u64,
        slot: u32,
        pid: u32,
        port: u16,
        expected: u8,
        padding: [u8; 5],
    }

    /// `struct ports`.
    PortsEntry, 16 {
        tcp4: u16,
        udp4: u16,
        tcp6: u16,
        udp6: u16,
        backlog: u32,
        net: u32,
    }

    /// `struct verdicts`.
    VerdictsEntry, 32 {
        started: u64,
        epoch: u32,
        uid: u32,
        own: u32,
        child: u32,
        is_in_tree: u32,
        padding: u32,
    }

    /// `struct udp_flow`.
    UdpFlow, 32 {
        socket_key: u64,
        destination: Address,
        port: u16,
        padding: [u8; 6],
    }

    /// `struct route`.
    Route, 24 {
        source: Address,
        reachable: u32,
        padding: u32,
    }

    /// `struct rule`.
    RuleEntry, 36 {
        kind: u8,
        exclude: u8,
        port: u16,
        addr: Address,
        mask: Address,
    }

    /// `struct rules`.
    RulesEntry, 1160 {
        len: u32,
        intercept: u32,
        rules: [RuleEntry; 32],
    }

    /// `struct item`.
    ItemEntry, 2072 {
        kind: u8,
        exclude: u8,
        is_tree: u8,
        is_loose: u8,
        number: u32,
        accept: u64,
        loops: u64,
        steps: [u64; 256],
    }

    /// `struct item_set`.
    ItemSet, 8 {
        len: u32,
        verdict: u32,
    }

    /// `struct fork_event`.
    ForkEvent, 24 {
        kind: u32,
        parent: u32,
        child: u32,
        padding: u32,
        child_started_ns: u64,
    }

    /// `struct exit_event`.
    ExitEvent, 16 {
        kind: u32,
        pid: u32,
        started_ns: u64,
    }

    /// `struct passed_event`.
    PassedEvent, 96 {
        kind: u32,
        reason: u32,
        pid: u32,
        port: u32,
        destination: Address,
        exe: [u8; 64],
    }

    /// `struct told`.
    Told, 16 {
        whom: u64,
        reason: u64,
    }

    /// `struct net_event`.
    NetEvent, 24 {
        kind: u32,
        pid: u32,
        inum: u32,
        padding: u32,
        cookie: u64,
    }

    /// `struct closed_event`.
    ClosedEvent, 8 {
        kind: u32,
        slot: u32,
    }

    /// `struct exec_event`; the path and the arguments follow.
    ExecEvent, 64 {
        kind: u32,
        pid: u32,
        started_ns: u64,
        cgroup_id: u64,
        parent: u32,
        uid: u32,
        path_len: u16,
        args_len: u16,
        is_path_whole: u32,
        epoch: u32,
        is_decided: u32,
        comm: [u8; 16],
    }
}

/// Writes an address as the hooks know it.
pub(super) const fn address(addr: IpAddr) -> Address {
    match addr {
        IpAddr::V4(addr) => addr.to_ipv6_mapped().octets(),
        IpAddr::V6(addr) => addr.octets(),
    }
}

/// Reads an address as the hooks know it.
pub(super) const fn ip(addr: Address) -> IpAddr {
    Ipv6Addr::from_octets(addr).to_canonical()
}

/// Reads a text that ends at the first zero, if there is one.
pub(super) fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// Reads a struct off the front of an event; gives what follows it, too.
pub(super) fn read<T: aya::Pod>(bytes: &[u8]) -> Option<(T, &[u8])> {
    let (front, rest) = bytes.split_at_checked(size_of::<T>())?;
    // SAFETY: `front` has the size of `T`, which is of integers only, so that any bytes are one.
    Some((unsafe { front.as_ptr().cast::<T>().read_unaligned() }, rest))
}
