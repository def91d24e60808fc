//! What a machine can do.

use std::io;

/// Whether one thing that the hooks need can be had.
#[derive(Debug)]
#[non_exhaustive]
pub struct Finding {
    /// What was looked at.
    pub need: Need,
    /// How it went; what was not reached, as another thing failed before, is `Unsupported`.
    pub outcome: io::Result<()>,
    /// What to do if it failed.
    pub remedy: Option<&'static str>,
}

/// A thing that the hooks need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Need {
    /// The kernel's description of its types.
    Btf,
    /// A capability, as `CAP_BPF`.
    Capability(&'static str),
    /// A mounted cgroup2 file system.
    Cgroup2,
    /// A hook, as `connect4`.
    Hook(&'static str),
    /// Linux 5.10 or later.
    Kernel,
    /// A kernel that is not locked down to confidentiality.
    Unlocked,
}

impl Need {
    /// Returns the name of the thing.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Btf => "BTF",
            Self::Capability(name) | Self::Hook(name) => name,
            Self::Cgroup2 => "cgroup2",
            Self::Kernel => "kernel 5.10",
            Self::Unlocked => "no lockdown",
        }
    }
}
