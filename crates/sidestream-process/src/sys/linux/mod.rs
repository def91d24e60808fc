//! Linux: `/proc`, `sock_diag`, and what package managers and runtimes keep on disk.

mod cgroup;
mod container_name;
mod diag;
mod holders;
mod owners;
mod packages;
mod record;
mod stat;
mod table;
mod user;

pub use diag::Sockets;
pub use owners::Owners;
pub use packages::Packages;
pub use stat::{same_start, scan, tree};
pub use table::Table;
