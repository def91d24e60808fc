//! Serving the flows of a command until it has ended.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use sidestream::ca::Authority;
use sidestream::flow::Ids;
use sidestream::onboarding::Site;
use sidestream::os::{Ended, Launched, Notices};
use sidestream::proxy::{Connections, Hook, HostRules, HttpVersions, TlsOptions, UpstreamTrust};
use sidestream::record::Sink;
use sidestream::{Inside, Sidestream};
use tokio::runtime::Runtime;

use crate::print::Detail;
use crate::say::{self, say};
use crate::through::Through;

/// How long flows may go on after the command has ended: what it sent last is on its way.
const GRACE: Duration = Duration::from_secs(2);

/// Where a command finds what is inside: an address that is there whatever routes the machine has,
/// and that nobody else takes.
const INSIDE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 183, 115, 1)), 83);

/// What serving takes.
#[derive(Clone)]
pub struct Serving {
    /// Who issues leaves.
    pub authority: Arc<Authority>,
    /// Which servers are trusted.
    pub trust: UpstreamTrust,
    /// How TLS is spoken.
    pub tls: TlsOptions,
    /// Which hosts are passed as they are, or treated as bytes.
    pub hosts: HostRules,
    /// Which version of HTTP each side speaks.
    pub http: HttpVersions,
    /// When servers are connected with, and for how many clients.
    pub connections: Connections,
    /// Whether what goes over each leg is recorded as it is on the wire.
    pub wire: bool,
    /// What looks at exchanges, and may change them.
    pub hook: Option<Arc<dyn Hook>>,
    /// What everything is recorded to.
    pub sinks: Vec<Arc<dyn Sink>>,
    /// Where ids come from.
    pub ids: Ids,
    /// How servers are reached.
    pub through: Through,
    /// How much is told to the user.
    pub detail: Detail,
}

impl std::fmt::Debug for Serving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Serving").field("detail", &self.detail).finish_non_exhaustive()
    }
}

impl Serving {
    /// Puts the proxy together.
    ///
    /// # Errors
    ///
    /// What is trusted cannot be used.
    pub fn builder(self) -> sidestream::Builder {
        let builder = Sidestream::builder(self.authority);
        let builder = builder.trust(self.trust).tls(self.tls).hosts(self.hosts).http(self.http);
        let builder = builder.connections(self.connections).wire(self.wire);
        let builder = builder.ids(self.ids).hook(self.hook).dial(self.through.direct());
        self.sinks.into_iter().fold(builder, sidestream::Builder::sink)
    }
}

/// Starts the threads on which flows are served.
///
/// # Errors
///
/// The system has no threads or descriptors to give.
pub fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// Serves the flows of a command until it and its descendants have ended, and returns how it
/// did.
///
/// # Errors
///
/// The capture broke, or the command's end was not seen. All that ran has ended.
pub fn serve(runtime: Runtime, launched: Launched, serving: Serving) -> anyhow::Result<Ended> {
    let detail = serving.detail;
    if detail >= Detail::Heads {
        launched.notes().for_each(say);
    }
    let ended = runtime.block_on(serve_until_end(launched, serving));
    // A name that is still being looked up holds nobody up.
    runtime.shutdown_background();
    ended
}

async fn serve_until_end(launched: Launched, serving: Serving) -> anyhow::Result<Ended> {
    let detail = serving.detail;
    let through = serving.through.clone();
    let authority = Arc::clone(&serving.authority);
    let site = Arc::new(Site::new(&authority)?);
    let builder = serving.builder();
    let captured = launched.start()?;
    through.tell(detail);
    let inside = Inside::new(through.around_local(captured.dial), site);
    let inside = inside.with_page_at(INSIDE).with_crl(authority);
    let builder = builder.crl(inside.crl_url()).dial(Arc::new(inside));
    let mut handle = builder.build()?.serve(captured.capture);
    let mut running = captured.running;
    let notices = tokio::spawn(tell(captured.notices, detail));
    let ended = running.wait().await;
    let served = match tokio::time::timeout(GRACE, handle.ended()).await {
        Ok(served) => served,
        Err(_elapsed) => {
            // Once for gracefully, twice for at once.
            handle.stop();
            handle.stop();
            handle.ended().await
        }
    };
    drop(running);
    notices.await?;
    if let Err(error) = served {
        // How the command ended is still to be told.
        say::error(&error.into());
    }
    Ok(ended?)
}

/// Tells what the user should know of the capture, as it happens.
pub(crate) async fn tell(mut notices: Notices, detail: Detail) {
    while let Some(notice) = notices.next().await {
        if detail > Detail::Quiet {
            say(notice);
        }
    }
}
