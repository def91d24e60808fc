//! Why the hooks could not be loaded.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why the hooks could not be loaded; [`remedy`](Self::remedy) says what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The kernel gives no description of its types (BTF), or one that is broken.
    #[error("no usable kernel type information at {}", path.display())]
    Btf {
        /// Where it was looked for.
        path: PathBuf,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A right is missing.
    #[error("missing capability {name}")]
    Capability {
        /// The capability, as `CAP_BPF`.
        name: &'static str,
    },
    /// No cgroup2 file system is mounted.
    #[error("no cgroup2 file system is mounted with its root")]
    Cgroup2,
    /// The root of the cgroup2 file system could not be opened.
    #[error("cannot open {}", path.display())]
    CgroupRoot {
        /// Where it is mounted.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Too few files may be open.
    #[error("the limit of open files is too low")]
    Files {
        /// The cause.
        source: io::Error,
    },
    /// The kernel refused a hook or does not have it.
    #[error("the kernel refused the hook {name}")]
    Hook {
        /// The hook, as `connect4`.
        name: &'static str,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The kernel is too old.
    #[error("kernel {release} is older than 5.10")]
    Kernel {
        /// What the kernel calls itself.
        release: String,
    },
    /// The kernel is locked down.
    #[error("the kernel is locked down ({mode})")]
    Lockdown {
        /// The mode: `integrity` or `confidentiality`.
        mode: String,
    },
    /// Another program has a hook for itself.
    #[error("another program has the hook {name} for itself")]
    Taken {
        /// The hook, as `connect4`.
        name: &'static str,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Memory for the maps may not be locked.
    #[error("the limit of locked memory is too low")]
    LockedMemory {
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The maps or the programs could not be made.
    #[error("cannot prepare the hooks")]
    Object {
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The own process could not be told from the others.
    #[error("the hooks do not answer")]
    Silent {
        /// The cause.
        source: io::Error,
    },
    /// This system has no such hooks.
    #[error("not on this system")]
    Unsupported,
}

impl LoadError {
    /// Says what to do, where something can be done.
    pub fn remedy(&self) -> Option<&'static str> {
        Some(match self {
            Self::Btf { .. } => "use a kernel built with CONFIG_DEBUG_INFO_BTF",
            Self::Capability { .. } => {
                "run it as root, or give it CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN"
            }
            Self::Cgroup2 => {
                "mount one: mkdir -p /run/cgroup2 && mount -t cgroup2 none /run/cgroup2"
            }
            Self::CgroupRoot { .. } | Self::Silent { .. } => {
                "run it outside of a container, with the host's /sys"
            }
            Self::Files { .. } => "raise it: ulimit -n 1024",
            Self::Hook { .. } => "use a kernel with CONFIG_CGROUP_BPF and CONFIG_BPF_EVENTS",
            Self::Kernel { .. } => "use Linux 5.10 or later",
            Self::Lockdown { .. } => {
                "boot with lockdown=integrity: confidentiality forbids to look at processes"
            }
            Self::Taken { .. } => {
                "find it with `bpftool cgroup tree` and have it attached with `multi`"
            }
            Self::LockedMemory { .. } => "raise it: ulimit -l unlimited",
            Self::Object { .. } => return None,
            Self::Unsupported => "run it on Linux",
        })
    }
}
