//! The sim ground: hosts in memory, joined by seeded links, in virtual time.
//!
//! Time passes only while an operation is waited for, and then as fast as there is nothing to do.
//! Whatever is drawn is drawn from the seeds of links, so a trial is the same each time, but for
//! what cryptography draws.

mod capture;
mod mail;
mod net;
mod pipe;
mod program;
mod proxy;
mod seen;
mod way;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustls::RootCertStore;
use sidestream_testkit::TestCa;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use self::capture::Dialer;
use self::net::Net;
use self::program::Running;
use self::proxy::{Common, Serving, settle};
use super::{AskId, Ground, Intercept, Part, Signal};
use crate::client;
use crate::model::{
    Answer, Ask, Client, Family, FlowSeen, GroundKind, HttpAsk, OriginSeen, Program, Quality,
    Serve, Service,
};
use crate::origin::{Identity, Log, Site};

/// How long it is waited for an ask, in virtual time: longer than a client has patience.
const PATIENCE: Duration = Duration::from_secs(300);

/// How far an ask gets before another is begun.
const HEAD_START: Duration = Duration::from_millis(10);

/// Hosts in memory.
pub struct Sim {
    runtime: Runtime,
    began: Instant,
    net: Net,
    family: Family,
    ca: TestCa,
    common: Common,
    serving: Option<Serving>,
    log: Log,
    asks: BTreeMap<AskId, Asking>,
    asked: usize,
}

/// An ask that goes on.
struct Asking {
    host: String,
    did: String,
    answer: JoinHandle<Answer>,
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim").field("family", &self.family).finish_non_exhaustive()
    }
}

impl Sim {
    /// Makes a ground without hosts, whose clients ask over that family.
    ///
    /// # Errors
    ///
    /// When no root can be made.
    pub fn open(family: Family) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build()?;
        let began = runtime.block_on(async { Instant::now() });
        Ok(Self {
            runtime,
            began,
            net: Net::default(),
            family,
            ca: TestCa::new(),
            common: Common::new()?,
            serving: None,
            log: Log::default(),
            asks: BTreeMap::new(),
            asked: 0,
        })
    }

    /// Returns how much time has passed.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.runtime.block_on(async { self.began.elapsed() })
    }

    fn site(&self, host: &str, serve: &Serve) -> Result<Option<Site>> {
        if matches!(serve.service, Service::Refuse | Service::Silence) {
            return Ok(None);
        }
        let names = self.net.names();
        let addrs = names.get(host).with_context(|| format!("there is no host {host}"))?;
        let addrs: Vec<_> = addrs.iter().map(ToString::to_string).collect();
        let shown: Vec<_> = [host].into_iter().chain(addrs.iter().map(String::as_str)).collect();
        let issue = |tls| Identity::issue(&self.ca, tls, &shown);
        let identity = serve.tls.map(issue).transpose()?;
        Site::new(host, serve, identity.as_ref(), &Arc::new(names), &self.log).map(Some)
    }

    /// Returns whom clients trust who do not trust the proxy, and who do.
    fn roots(&self) -> Result<[Arc<RootCertStore>; 2]> {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.der().clone())?;
        let without = Arc::new(roots.clone());
        roots.add(self.common.authority.certificate_der().clone())?;
        Ok([without, Arc::new(roots)])
    }
}

/// Returns the program that does an ask.
const fn program(ask: &Ask) -> Program {
    match ask {
        Ask::Http(HttpAsk { by, .. })
        | Ask::WebSocket { by, .. }
        | Ask::Tcp { by, .. }
        | Ask::Udp { by, .. }
        | Ask::Dns { by, .. } => *by,
    }
}

/// Says what a ground without a system cannot do.
fn not_here<T>(what: &str) -> Result<T> {
    bail!("{what} is not on the sim ground")
}

impl Ground for Sim {
    fn kind(&self) -> GroundKind {
        GroundKind::Sim
    }

    fn add_host(&mut self, name: &str) -> Result<()> {
        self.net.add(name)
    }

    fn link(&mut self, one: &str, other: &str, quality: &Quality) -> Result<()> {
        self.runtime.block_on(async { self.net.link(one, other, quality) })
    }

    fn serve(&mut self, host: &str, serve: &Serve) -> Result<()> {
        let site = self.site(host, serve)?;
        self.net.serve(host, serve, site)
    }

    fn intercept(&mut self, host: &str, intercept: &Intercept) -> Result<()> {
        if self.serving.is_some() {
            return not_here("a second proxy");
        }
        let (net, family) = (self.net.clone(), self.family);
        let dialer = Dialer { net, host: self.net.number(host)?, family };
        let _within = self.runtime.enter();
        self.serving = Some(self.common.serve(intercept, dialer, &self.ca)?);
        Ok(())
    }

    fn set_spec(&mut self, spec: &str) -> Result<()> {
        let serving = self.serving.as_ref().context("nothing intercepts")?;
        serving.trap.set_spec(spec.parse()?);
        Ok(())
    }

    fn signal(&mut self, part: Part, signal: Signal) -> Result<()> {
        not_here(&format!("{signal:?} for {part:?}"))
    }

    fn start(&mut self, host: &str, ask: &Ask) -> Result<AskId> {
        let number = self.net.number(host)?;
        let serving = self.serving.as_ref().filter(|serving| serving.host == number);
        let running = Running {
            net: self.net.clone(),
            host: number,
            program: program(ask),
            family: self.family,
            trap: serving.map(|serving| serving.trap.clone()),
            roots: self.roots()?,
        };
        let (did, ask) = (client::did(ask), ask.clone());
        let answer = self.runtime.spawn(async move { client::ask(&running, &ask).await });
        self.runtime.block_on(async { sleep(HEAD_START).await });
        self.asked += 1;
        let id = AskId(self.asked);
        self.asks.insert(id, Asking { host: host.to_owned(), did, answer });
        Ok(id)
    }

    fn wait(&mut self, ask: AskId) -> Result<Client> {
        let Asking { host, did, answer } = self.asks.remove(&ask).context("no such ask")?;
        let answered = self.runtime.block_on(async { timeout(PATIENCE, answer).await });
        let got = answered.with_context(|| format!("{did} hangs"))?.context("a client panicked")?;
        Ok(Client { host, did, got })
    }

    fn kill(&mut self, _: AskId) -> Result<()> {
        not_here("killing")
    }

    fn run(&mut self, _: &str, argv: &[&str]) -> Result<String> {
        not_here(&format!("running {}", argv.join(" ")))
    }

    fn traces(&mut self, _: &str) -> Result<String> {
        not_here("a system")
    }

    fn stop(&mut self) -> Result<()> {
        let Some(serving) = self.serving.take() else { return Ok(()) };
        self.runtime.block_on(serving.stop())
    }

    fn told(&mut self) -> String {
        String::new()
    }

    fn seen(&mut self) -> Result<(Vec<FlowSeen>, Vec<OriginSeen>)> {
        self.runtime.block_on(settle());
        Ok((self.common.keep.seen(&self.net.names()), self.log.seen()))
    }
}
