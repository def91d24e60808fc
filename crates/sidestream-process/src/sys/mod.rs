//! One public file; the body is picked by system.

#[cfg_attr(target_os = "linux", path = "linux/mod.rs")]
#[cfg_attr(not(target_os = "linux"), path = "fallback.rs")]
mod imp;

pub use imp::{Owners, Packages, Sockets, Table, same_start, scan, tree};
