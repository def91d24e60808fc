//! Linux: `/proc` and `sock_diag`.

mod diag;
mod holders;
mod stat;
mod table;
mod user;

pub use diag::Sockets;
pub use holders::Holders;
pub use stat::tree;
pub use table::Table;
