//! One end of an HTTP/2 connection.

mod errors;
mod flow;
mod hostile;
mod peers;
mod rules;
pub(crate) mod wire;
