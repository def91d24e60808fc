#![doc = include_str!("../README.md")]

mod association;
mod credentials;
mod dial;
mod hop;
pub mod http;
mod server;
pub mod socks5;
mod stream;

pub use credentials::{Credentials, ParseCredentialsError};
pub use dial::{Datagrams, Upstream};
pub use server::{ParseServerError, Scheme, Server};
