//! Linux.

mod bpf;
mod namespaces;
mod packets;
mod processes;
mod silence;
mod tun;

pub(crate) use bpf::{BpfKind, bpf_exists};
pub(crate) use namespaces::{enter_network_of, mount_over, own_network};
pub(crate) use packets::{Captured, Packets};
pub(crate) use processes::{
    adopt_orphans, end_with_parent, has_ended, is_machine_root, on_terminate, signal, signal_of,
};
pub(crate) use silence::Silence;
pub(crate) use tun::{Tun, has_hung_up, wait_readable};
