//! Systems on which hosts cannot be made; an agent runs programs there all the same.

use std::io;
use std::path::Path;
use std::process::ExitStatus;

fn not_here<T>() -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "not on this system"))
}

/// A port where packets vanish.
#[derive(Debug)]
pub(crate) struct Silence;

impl Silence {
    /// Refuses.
    pub(crate) fn over(_port: u16) -> io::Result<Self> {
        not_here()
    }
}

/// Refuses.
pub(crate) fn own_network() -> io::Result<()> {
    not_here()
}

/// Refuses.
pub(crate) fn mount_over(_file: &Path, _over: &Path) -> io::Result<()> {
    not_here()
}

/// Does nothing: there are no orphans to adopt.
pub(crate) fn adopt_orphans() -> io::Result<()> {
    Ok(())
}

/// Refuses.
pub(crate) fn end_with_parent() -> io::Result<()> {
    not_here()
}

/// Refuses.
pub(crate) fn signal(_pid: u32, _number: i32) -> io::Result<()> {
    not_here()
}

/// Does nothing: the process is waited for.
pub(crate) fn has_ended(_pid: u32) -> io::Result<()> {
    Ok(())
}

/// Knows no signals.
pub(crate) fn signal_of(_status: ExitStatus) -> Option<i32> {
    None
}

/// Nobody is.
pub(crate) fn is_machine_root() -> bool {
    false
}
