//! WebSocket: what is passed, what is read of it, and what it may cost.

mod bounds;
mod codec;
mod ends;
mod fidelity;
pub(crate) mod hooks;
mod inject;
mod messages;
pub(crate) mod peer;
mod violations;
