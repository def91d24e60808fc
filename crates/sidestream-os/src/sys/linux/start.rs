//! Starting the helper, and being found by it.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use sidestream_capture::{Capabilities, Capture, Control, Dial, Incoming};
use sidestream_linux::{LocalCapture, LocalOptions};
use sidestream_spec::Spec;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::child::{Running, Starting};
use super::find::find;
use super::rendezvous::Rendezvous;
use super::status::{self, Chosen};
use super::way::{NoWay, Way};
use crate::sys::{Source, effective_uid};
use crate::{Notices, Options, StartError};

/// How long the helper may take to come; longer if a password may be asked for.
const PATIENCE: Duration = Duration::from_secs(10);
const PATIENCE_OF_PEOPLE: Duration = Duration::from_secs(60);

/// What takes part in capturing.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) capture: HelperCapture,
    pub(crate) notices: Notices,
}

/// Starts the helper, and captures.
pub(crate) async fn start(spec: &Spec, options: &Options) -> Result<Started, StartError> {
    let Chosen { path, way } = chosen(options)?;
    let way = way.map_err(|none| match none {
        NoWay::NoNewPrivs => StartError::NoNewPrivs,
        NoWay::NoRights => StartError::NoRights,
    })?;
    let rendezvous = Rendezvous::open().map_err(StartError::Rendezvous)?;
    announce(way);
    let (said, hears) = mpsc::unbounded_channel();
    let not_started = |source| StartError::Spawn { path: path.clone(), source };
    let mut child = Starting::spawn(&path, way, rendezvous.path(), effective_uid(), said)
        .map_err(not_started)?;
    let stream = match meet(&rendezvous, &mut child, way).await {
        Ok(stream) => stream,
        Err(error) => {
            child.end().await;
            return Err(error);
        }
    };
    drop(rendezvous);
    let local = LocalOptions::new(spec.clone()).with_reset_existing(options.reset_existing);
    let (inner, local) = match LocalCapture::start(stream, local).await {
        Ok(started) => started,
        Err(sidestream_linux::StartError::Ended) => return Err(child.ended_early().await),
        Err(error) => {
            child.end().await;
            return Err(error.into());
        }
    };
    let capture = HelperCapture { inner, running: child.release() };
    let notices = Notices::new([Source::Local(local), Source::Helper(hears)]);
    Ok(Started { capture, notices })
}

fn chosen(options: &Options) -> Result<Chosen, StartError> {
    let places = find(options.helper.as_deref());
    status::choose(&places).ok_or_else(|| match places.as_slice() {
        [named] if named.named => StartError::NotThere(named.path.clone()),
        _ => {
            let beside = places.first().and_then(|first| first.path.parent());
            StartError::NoHelper { beside: beside.unwrap_or_else(|| Path::new("/")).into() }
        }
    })
}

/// Says what a password is asked for, before it is.
fn announce(way: Way) {
    if let (Some(program), true) = (way.program(), way.asks()) {
        // The prompt follows on the terminal; without one there is nobody to tell.
        _ = writeln!(
            io::stderr(),
            "sidestream: {program} may ask for a password: seeing which program opens a \
             connection takes root, in a small helper; the proxy runs as you"
        );
    }
}

/// Waits for the helper, as long as it lives and the patience lasts.
async fn meet(
    rendezvous: &Rendezvous,
    child: &mut Starting,
    way: Way,
) -> Result<UnixStream, StartError> {
    let patience = if way.asks() { PATIENCE_OF_PEOPLE } else { PATIENCE };
    let pid = child.pid();
    let met = timeout(patience, async {
        tokio::select! {
            // One that connected and then ended is heard of over its connection.
            biased;
            accepted = rendezvous.accept(pid) => Some(accepted),
            _ended = child.ended() => None,
        }
    });
    match met.await {
        Ok(Some(accepted)) => accepted.map_err(StartError::Rendezvous),
        Ok(None) => Err(child.ended_early().await),
        Err(_elapsed) => Err(StartError::Silent { patience }),
    }
}

/// A capture that ends with its helper, and its helper with it.
#[derive(Debug)]
pub(crate) struct HelperCapture {
    // Dropped in this order: the helper ends by itself as its connection does.
    inner: LocalCapture,
    running: Running,
}

impl HelperCapture {
    /// Returns what reaches the servers that captured programs meant to reach.
    pub(crate) fn dial(&self) -> Arc<dyn Dial> {
        Arc::new(self.inner.dial())
    }

    /// Ends the capture, and waits until the helper has undone what it did.
    pub(crate) async fn stop(self) {
        self.inner.stop().await;
        self.running.end().await;
    }
}

impl Capture for HelperCapture {
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Incoming>>> {
        self.inner.poll_incoming(cx)
    }

    fn close(&mut self) -> bool {
        self.inner.close()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn control(&self) -> Option<Arc<dyn Control>> {
        self.inner.control()
    }
}
