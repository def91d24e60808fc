//! The suite that every driver passes, for whole-machine capture with the real helper. Each check
//! has a network namespace of its own, so that nothing else on the machine is touched:
//!
//! ```text
//! namespace: client program --connect--> kernel --> sidestream-helper
//!            the test: servers, relay <--descriptors--------'
//! ```
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client;
mod ground;
mod place;
mod sockets;

sidestream_capture_test::suite!(before place::enter(); ground::Local::start().await);

/// The same for a program in another network namespace than the helper and the servers, as in a
/// container.
mod elsewhere {
    use crate::{ground, place};

    sidestream_capture_test::suite!(before place::enter(); ground::Local::start_elsewhere().await);
}
