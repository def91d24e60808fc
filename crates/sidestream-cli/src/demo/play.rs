//! One client, run such that its flows are seen, and what has to be seen.

use std::ffi::OsString;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use sidestream::flow::Ids;
use sidestream::os::Command;
use sidestream::proxy::{Connections, HostRules, HttpVersions, TlsOptions, UpstreamTrust};
use sidestream::record::{Exchange, Finished, Flow};

use crate::feed::{Feed, Watcher};
use crate::print::{Detail, Printer, Style};
use crate::redact::Redact;
use crate::root::Root;
use crate::serve::{Serving, runtime, serve};
use crate::settings::Settings;
use crate::through::Through;

/// A client, and what is said of it.
#[derive(Debug)]
pub(super) struct Scene {
    /// The command line as one would write it.
    pub(super) shown: String,
    pub(super) words: Vec<OsString>,
    /// The name of the process that has to be seen.
    pub(super) program: String,
    /// The method that has to be seen.
    pub(super) method: &'static str,
    pub(super) explanation: &'static str,
}

/// What all scenes have in common.
#[derive(Debug)]
pub(super) struct Play {
    pub(super) root: Root,
    pub(super) trust: UpstreamTrust,
    pub(super) detail: Detail,
    pub(super) style: Style,
}

impl Play {
    /// Runs a client, prints its flows with the explanation, and tells whether all was seen.
    pub(super) fn perform(
        &self,
        scene: &Scene,
        url: &str,
        out: &mut impl Write,
    ) -> anyhow::Result<bool> {
        let seen = Seen::default();
        let detail = self.detail.max(Detail::Lines);
        let watcher = Collector { seen: Arc::clone(&seen), body_bytes: detail.body_bytes() };
        let feed = Feed::start("demo", watcher)?;
        let command = Command {
            words: scene.words.clone(),
            root_pem: self.root.authority.certificate_pem(),
            ..Command::default()
        };
        let serving = Serving {
            authority: Arc::clone(&self.root.authority),
            trust: self.trust.clone(),
            tls: TlsOptions::default(),
            hosts: HostRules::default(),
            through: Through::of(&Settings::default(), &self.trust)?,
            http: HttpVersions::default(),
            connections: Connections::default(),
            wire: false,
            hook: None,
            sinks: vec![Arc::new(feed.sink())],
            ids: Ids::default(),
            detail: self.detail,
        };
        let runtime = runtime()?;
        let launched = {
            let _runtime = runtime.enter();
            command.launch()?
        };
        let ended = serve(runtime, launched, serving);
        feed.end();
        let code = ended?.code();
        let seen = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
        let redact = Redact::default().and_secrets();
        let mut printer = Printer::new(&mut *out, detail, self.style, redact);
        seen.iter().try_for_each(|finished| printer.print(finished))?;
        let decrypted = seen.iter().any(|finished| match finished {
            Finished::Exchange(flow, exchange) => is_as_it_has_to_be(scene, url, flow, exchange),
            _ => false,
        });
        let explanation = match (decrypted, code) {
            (true, 0) => scene.explanation,
            (true, _) => "It was decrypted, but the client did not end well.",
            (false, _) => "It was NOT seen decrypted with its process: something is wrong here.",
        };
        writeln!(out, "    {explanation}\n")?;
        Ok(decrypted && code == 0)
    }
}

/// Returns whether the exchange was read inside of TLS, and is the right process's.
fn is_as_it_has_to_be(scene: &Scene, url: &str, flow: &Flow, exchange: &Exchange) -> bool {
    let process = flow.process.as_ref().is_some_and(|process| {
        let path = process.path.as_deref().and_then(std::path::Path::file_name);
        path.is_some_and(|name| name.to_string_lossy() == scene.program)
    });
    let request = exchange.request.as_ref();
    process
        && flow.client_tls().is_some()
        && exchange.url == url
        && request.is_some_and(|head| head.method == scene.method.as_bytes())
        && exchange.response.as_ref().is_some_and(|head| head.status == 200)
        && exchange.failure.is_none()
}

type Seen = Arc<Mutex<Vec<Finished>>>;

/// Keeps what it sees.
struct Collector {
    seen: Seen,
    body_bytes: usize,
}

impl Watcher for Collector {
    fn body_bytes(&self) -> usize {
        self.body_bytes
    }

    fn see(&mut self, finished: &Finished) -> io::Result<()> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(finished.clone());
        Ok(())
    }

    fn idle(&mut self) -> io::Result<()> {
        Ok(())
    }
}
