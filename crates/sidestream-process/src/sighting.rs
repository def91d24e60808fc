//! A process at a glance.

/// A process as one look at the process table shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sighting {
    /// The process id.
    pub pid: u32,
    /// The id of the parent; 0 where it has none that is seen from here.
    pub parent: u32,
    /// When it started, in clock ticks after boot: with the pid, this tells it from every other.
    pub started_ticks: u64,
    /// Whether it is a thread of the kernel, which has no program.
    pub is_kernel: bool,
    /// Whether it has ended, and waits only for its parent to see how.
    pub has_ended: bool,
}
