//! A driver without descriptors: its flows are frames on a link to wherever the clients are.
//!
//! So does a driver work whose bytes come from another process, such as a system extension. The
//! link here is in memory; its far end, [`FakeClients`], plays both the other process and the
//! captured programs. Which program is captured is decided there, by the spec in force.
//!
//! The frames are in [`frame`]. A flow begins with `Open`; a TCP flow is answered by `Accept`
//! or `Refuse`; each side may then send `Data` for as much as the other has given `Credit`,
//! then `Eof`; `Reset` ends both directions. Datagrams have no credit: what does not fit the
//! receiver's queue is lost, as it is in a kernel.

mod capture;
mod clients;
mod datagrams;
mod flow;
pub mod frame;
mod ground;
mod link;
mod stream;

pub use capture::FakeCapture;
pub use clients::FakeClients;
pub use ground::FakeGround;

use std::sync::Arc;

use sidestream_flow::Process;

/// Makes the two ends of a link.
#[derive(Debug)]
pub struct Fake;

impl Fake {
    /// Makes a driver and its clients, all of which are captured to begin with; needs a tokio
    /// runtime.
    #[expect(clippy::new_ret_no_self, reason = "a fake is its two ends")]
    pub fn new() -> (FakeCapture, FakeClients) {
        let process = Process {
            pid: 4_711,
            name: "fake-client".to_owned(),
            path: Some("/usr/bin/fake-client".into()),
            parent: Some(Arc::new(Process { pid: 4_710, ..Process::default() })),
            ..Process::default()
        };
        Self::with_process(process)
    }

    /// Makes a driver and its clients, which are sockets of that process; needs a tokio runtime.
    pub fn with_process(process: Process) -> (FakeCapture, FakeClients) {
        let (near, far) = tokio::io::duplex(link::BUFFER);
        (FakeCapture::new(near), FakeClients::new(far, process))
    }
}
