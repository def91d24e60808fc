#![doc = include_str!("../README.md")]

mod backoff;
mod bind;
mod explicit;
mod htpasswd;
mod listeners;
mod port;
pub mod socks;
mod socks5;

pub use bind::BindError;
pub use explicit::{Explicit, Lookup};
pub use htpasswd::{Htpasswd, HtpasswdError, UnknownHash, Work};
pub use port::Port;
pub use socks5::{Losses, Socks5};
