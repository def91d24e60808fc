//! The two drivers that run a command, as one.

use std::io;
use std::task::{Context, Poll};

use sidestream_capture::{Capabilities, Capture, Incoming};

use super::capture::SandboxCapture as NamespaceCapture;
use super::notify::NotifyCapture;

/// Yields the flows of a command and of its descendants.
///
/// The kernel accepts a TCP connection before its flow is yielded, so a server that refuses is
/// seen by the client as a reset. Dropping it ends the command.
#[derive(Debug)]
pub struct SandboxCapture(pub(super) Inner);

#[derive(Debug)]
pub(super) enum Inner {
    Namespace(Box<NamespaceCapture>),
    Seccomp(Box<NotifyCapture>),
}

impl Capture for SandboxCapture {
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Incoming>>> {
        match &mut self.0 {
            Inner::Namespace(capture) => capture.poll_incoming(cx),
            Inner::Seccomp(capture) => capture.poll_incoming(cx),
        }
    }

    fn capabilities(&self) -> Capabilities {
        match &self.0 {
            Inner::Namespace(capture) => capture.capabilities(),
            Inner::Seccomp(capture) => capture.capabilities(),
        }
    }
}
