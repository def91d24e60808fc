//! Capturing the flows of chosen processes on the whole machine.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use sidestream_capture::{Capabilities, Capture, Dial, Incoming, SetSpecError, next_incoming};
use sidestream_spec::Spec;

use crate::{Notices, StartError, sys};

/// How flows are captured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// The privileged helper, if it is not where it is looked for: where the variable
    /// `SIDESTREAM_HELPER` says, beside this program, where it is installed.
    pub helper: Option<PathBuf>,
    /// Ends the connections that chosen processes have already, so that they make them anew.
    pub reset_existing: bool,
}

/// The flows of the processes that a spec chooses, as they are opened.
///
/// Dropping it ends the capture: programs connect as they did before.
pub struct OsProxy {
    capture: sys::HelperCapture,
    dial: Arc<dyn Dial>,
    notices: Notices,
}

impl fmt::Debug for OsProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OsProxy").field("capture", &self.capture).finish_non_exhaustive()
    }
}

/// Starts to capture the flows of chosen processes on the whole machine, now and in the future.
///
/// The system's driver is picked, and what it needs is got: on Linux a small helper that runs as
/// root, for which a password may be asked once. This process itself needs no rights, and neither
/// it nor the helper is ever captured.
///
/// Each flow that is yielded waits to be served, and is refused if it is dropped. What is served
/// is reached by [`OsProxy::dial`], which leaves the machine as the captured program would have.
///
/// # Errors
///
/// What is missing, and what to do about it. Nothing is left behind then.
///
/// # Panics
///
/// Outside of a tokio runtime with I/O and time.
///
/// # Cancel safety
///
/// Dropping the future ends what was begun.
pub async fn start_os_proxy(spec: &Spec, options: &Options) -> Result<OsProxy, StartError> {
    let sys::Started { capture, notices } = sys::start(spec, options).await?;
    let dial = capture.dial();
    Ok(OsProxy { capture, dial, notices })
}

/// Ends a capture and waits until everything on the machine is as it was.
///
/// Flows that were yielded go on; new connections go directly to their servers.
pub async fn stop_os_proxy(proxy: OsProxy) {
    proxy.capture.stop().await;
}

impl OsProxy {
    /// Waits for the next flow; `None` means that the capture is over.
    ///
    /// # Errors
    ///
    /// The capture broke, and yields no more flows: the helper has ended.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> io::Result<Option<Incoming>> {
        next_incoming(&mut self.capture).await
    }

    /// Sets which processes are captured, and waits until that is in force; flows that are under
    /// way go on.
    ///
    /// # Errors
    ///
    /// The system did not take the spec, and the old one is in force; or the capture is over.
    pub async fn set_spec(&self, spec: &Spec) -> Result<(), SetSpecError> {
        match self.capture.control() {
            Some(control) => control.set_spec(spec.clone()).await,
            None => Err(SetSpecError::Over),
        }
    }

    /// Returns what the driver can do here.
    pub fn capabilities(&self) -> Capabilities {
        self.capture.capabilities()
    }

    /// Returns what reaches the servers that captured programs meant to reach.
    pub fn dial(&self) -> Arc<dyn Dial> {
        Arc::clone(&self.dial)
    }

    /// Returns what the user should be told.
    pub const fn notices(&mut self) -> &mut Notices {
        &mut self.notices
    }

    /// Takes it apart for an engine that serves flows; dropping the capture stops it.
    pub fn into_parts(self) -> (Box<dyn Capture>, Arc<dyn Dial>, Notices) {
        (Box::new(self.capture), self.dial, self.notices)
    }
}
