//! What clients and origins have in common: a connection, and how things are written on it.

mod conn;
pub mod dns;
pub mod http1;
mod script;
pub mod websocket;

pub use conn::{Conn, Watch};
pub use script::{Outcome, play};

/// A future of any kind that can go to another thread.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
