//! Systems without a helper.

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll};

use sidestream_capture::{Capabilities, Capture, Dial, Incoming};
use sidestream_spec::Spec;

use crate::helper::{InstallError, InstallOptions, Report, Status};
use crate::privileges::{Caller, DropError};
use crate::{Notices, Options, StartError};

pub(crate) fn remove_left_overs() {}

pub(crate) struct Started {
    pub(crate) capture: HelperCapture,
    pub(crate) notices: Notices,
}

#[derive(Debug)]
pub(crate) struct HelperCapture(Infallible);

impl HelperCapture {
    pub(crate) fn dial(&self) -> Arc<dyn Dial> {
        match self.0 {}
    }

    pub(crate) async fn stop(self) {
        match self.0 {}
    }
}

impl Capture for HelperCapture {
    fn poll_incoming(&mut self, _: &mut Context<'_>) -> Poll<io::Result<Option<Incoming>>> {
        match self.0 {}
    }

    fn capabilities(&self) -> Capabilities {
        match self.0 {}
    }
}

pub(crate) async fn start(_: &Spec, _: &Options) -> Result<Started, StartError> {
    Err(StartError::Unsupported)
}

pub(crate) fn helper_status() -> Status {
    Status::default()
}

pub(crate) fn install(_: &InstallOptions) -> Result<Report, InstallError> {
    Err(InstallError::Unsupported)
}

pub(crate) fn uninstall(_: &Path) -> Result<Report, InstallError> {
    Err(InstallError::Unsupported)
}

pub(crate) fn sudo_caller() -> Option<Caller> {
    None
}

pub(crate) fn adopt_environment(_: &Caller) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn drop_privileges(_: u32, _: u32) -> Result<(), DropError> {
    Err(DropError::NotRoot)
}
