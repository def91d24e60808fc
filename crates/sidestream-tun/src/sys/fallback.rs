//! Systems for whose devices there is no driver.

use std::convert::Infallible;
use std::io;
use std::task::{Context, Poll};

use sidestream_capture::{PacketProperties, Received};
use sidestream_packet::Offload;

use crate::sys::Opened;
use crate::{Builder, Losses, OpenError};

pub(crate) fn open(_wanted: &Builder) -> Result<Opened, OpenError> {
    Err(OpenError::Unsupported)
}

#[derive(Debug)]
pub(crate) struct Device(Infallible);

impl Device {
    pub(crate) fn name(&self) -> &str {
        match self.0 {}
    }

    pub(crate) fn index(&self) -> u32 {
        match self.0 {}
    }

    pub(crate) fn properties(&self) -> PacketProperties {
        match self.0 {}
    }

    pub(crate) fn losses(&self) -> &Losses {
        match self.0 {}
    }
}

pub(crate) struct Queue(Infallible);

impl Queue {
    pub(crate) fn poll_recv(
        &mut self,
        _: &mut Context<'_>,
        _: &mut [u8],
        _: &Losses,
    ) -> Poll<io::Result<Option<Received>>> {
        match self.0 {}
    }

    pub(crate) fn poll_send(
        &mut self,
        _: &mut Context<'_>,
        _: &[u8],
        _: Offload,
        _: &Losses,
    ) -> Poll<io::Result<()>> {
        match self.0 {}
    }
}
