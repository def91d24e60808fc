//! The stage of these tests: a proxy, a driver that diverts one listener, and a sink that keeps.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use sidestream_ca::Authority;
use sidestream_capture::{
    Accepted, Capabilities, Capture, Destination, Direct, Egress, FlowInfo, Incoming, Kind,
};
use sidestream_explicit::Explicit;
use sidestream_flow::{FlowKey, Ids, Peer, Process, Transport};
use sidestream_proxy::{
    Proxy, ServeError, Served, Stop, Stopper, TlsOptions, UpstreamTrust, config,
};
use sidestream_record::{Book, Closed, Entry, Event, Exchange, Finished, Recorded, Sink};
use sidestream_spec::Spec;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::counted::Counted;

/// Diverts whoever connects to its listener, as if they had meant to reach another address.
pub(crate) struct Diverter {
    listener: TcpListener,
    server: SocketAddr,
    residual: Option<Arc<Spec>>,
    read: Arc<AtomicU64>,
}

impl Diverter {
    /// Listens for clients that mean to reach that server.
    pub(crate) async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { listener, server, residual: None, read: Arc::default() }
    }

    /// Returns where clients connect.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }
}

impl Capture for Diverter {
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Incoming>>> {
        let (stream, client) = ready!(self.listener.poll_accept(cx))?;
        stream.set_nodelay(true)?;
        let info = FlowInfo {
            key: FlowKey { transport: Transport::Tcp, client, server: self.server },
            process: Some(Arc::new(Process {
                path: Some("/bin/test".into()),
                ..Process::default()
            })),
            via: "test",
            destination: Destination::Original,
            egress: Egress::default(),
            residual: self.residual.clone(),
        };
        let stream = Counted { stream, read: Arc::clone(&self.read) };
        Poll::Ready(Ok(Some(Incoming { info, kind: Kind::Tcp(Box::new(Accepted(stream))) })))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }
}

/// Something that is done once, when a client's bytes are recorded.
type Act = Box<dyn FnOnce() + Send>;

/// Keeps all entries, or pretends to have no room.
#[derive(Default)]
pub(crate) struct Keep {
    entries: Mutex<Vec<Entry>>,
    act: Mutex<Option<Act>>,
    full: AtomicBool,
    is_careless: AtomicBool,
}

impl Keep {
    /// Returns what happened so far.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.entries.lock().unwrap().iter().map(|entry| entry.event.clone()).collect()
    }

    /// Does something once, between the next bytes of a client and what is done about them.
    pub(crate) fn act_at_data(&self, act: impl FnOnce() + Send + 'static) {
        *self.act.lock().unwrap() = Some(Box::new(act));
    }

    pub(crate) fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::Relaxed);
    }

    pub(crate) fn set_wants_content(&self, wants: bool) {
        self.is_careless.store(!wants, Ordering::Relaxed);
    }
}

impl Sink for Keep {
    fn record(&self, entry: &Entry) -> Recorded {
        if let Event::Data { from: Peer::Client, .. } = entry.event {
            self.act.lock().unwrap().take().into_iter().for_each(|act| act());
        }
        let mut entries = self.entries.lock().unwrap();
        // Content is not looked at here, and would make large tests large.
        let event = entry.event.without_content().unwrap_or_else(|| entry.event.clone());
        entries.push(Entry { event, ..entry.clone() });
        Recorded::Accepted
    }

    fn has_room(&self) -> bool {
        !self.full.load(Ordering::Relaxed)
    }

    fn wants_content(&self) -> bool {
        !self.is_careless.load(Ordering::Relaxed)
    }
}

pub(crate) struct Stage {
    /// Where clients connect.
    pub(crate) addr: SocketAddr,
    pub(crate) stopper: Stopper,
    pub(crate) sink: Arc<Keep>,
    pub(crate) root: CertificateDer<'static>,
    pub(crate) root_pem: String,
    pub(crate) proxy: Proxy,
    /// How many bytes of diverted clients were read.
    pub(crate) read: Arc<AtomicU64>,
    serving: JoinHandle<Result<Served, ServeError>>,
}

impl Stage {
    /// Diverts clients to that server.
    pub(crate) async fn new(server: SocketAddr, trust: UpstreamTrust) -> Self {
        let driver = Diverter::to(server).await;
        let (addr, read) = (driver.addr(), Arc::clone(&driver.read));
        Self { read, ..Self::serving(Box::new(driver), addr, trust) }
    }

    /// Diverts clients to that server, and speaks TLS as the options say.
    pub(crate) async fn tuned(
        server: SocketAddr,
        trust: UpstreamTrust,
        options: &TlsOptions,
    ) -> Self {
        let driver = Diverter::to(server).await;
        let (addr, read) = (driver.addr(), Arc::clone(&driver.read));
        Self { read, ..Self::serving_with(Box::new(driver), addr, trust, options) }
    }

    /// Diverts clients to that server; what is selected is left to its name.
    pub(crate) async fn by_name(server: SocketAddr, trust: UpstreamTrust, spec: &str) -> Self {
        let residual = Some(Arc::new(spec.parse().unwrap()));
        let driver = Diverter { residual, ..Diverter::to(server).await };
        let addr = driver.addr();
        Self::serving(Box::new(driver), addr, trust)
    }

    /// Serves clients that speak to a proxy.
    pub(crate) fn regular(trust: UpstreamTrust) -> Self {
        let driver = Explicit::bind(&[([127, 0, 0, 1], 0).into()]).unwrap();
        let addr = driver.local_addrs()[0];
        Self::serving(Box::new(driver), addr, trust)
    }

    fn serving(driver: Box<dyn Capture>, addr: SocketAddr, trust: UpstreamTrust) -> Self {
        Self::serving_with(driver, addr, trust, &TlsOptions::default())
    }

    fn serving_with(
        driver: Box<dyn Capture>,
        addr: SocketAddr,
        trust: UpstreamTrust,
        options: &TlsOptions,
    ) -> Self {
        let mut config = config(&trust).unwrap();
        options.apply(&mut config);
        let authority =
            Authority::generate("Test", SystemTime::now(), &default_provider()).unwrap();
        let (root, root_pem) = (authority.certificate_der().clone(), authority.certificate_pem());
        let sink = Arc::new(Keep::default());
        let proxy = Proxy::new(
            config,
            Arc::new(authority),
            Arc::new(Direct::default()),
            Arc::clone(&sink) as Arc<dyn Sink>,
            Ids::default(),
        );
        proxy.set_certs(options.certs.clone());
        let (stopper, stop) = Stop::new();
        let serves = proxy.clone();
        let serving = tokio::spawn(async move { serves.serve(driver, stop).await });
        Self { addr, stopper, sink, root, root_pem, proxy, read: Arc::default(), serving }
    }

    /// Waits until every flow so far has ended by itself.
    pub(crate) async fn settled(&self) {
        let open = || {
            let mut book = Book::default();
            let entries = self.sink.entries.lock().unwrap();
            entries.iter().for_each(|entry| drop(book.apply(entry)));
            entries.is_empty() || book.open_flows().count() > 0
        };
        while open() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// Stops gracefully, waits for the end, and returns what was recorded.
    pub(crate) async fn end(self) -> Recording {
        self.stopper.stop();
        let served = self.serving.await.unwrap().unwrap();
        let mut book = Book::default();
        let entries = std::mem::take(&mut *self.sink.entries.lock().unwrap());
        let finished = entries.iter().flat_map(|entry| book.apply(entry)).collect();
        assert_eq!(book.open_flows().count(), 0, "every flow was closed");
        Recording { served, finished, events: entries.into_iter().map(|e| e.event).collect() }
    }

    /// A TLS client's configuration that trusts the proxy's root.
    pub(crate) fn client_config(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth()
    }
}

pub(crate) struct Recording {
    pub(crate) served: Served,
    pub(crate) finished: Vec<Finished>,
    pub(crate) events: Vec<Event>,
}

impl Recording {
    pub(crate) fn exchanges(&self) -> Vec<&Exchange> {
        self.finished
            .iter()
            .filter_map(|finished| match finished {
                Finished::Exchange(_, exchange) => Some(&**exchange),
                _ => None,
            })
            .collect()
    }

    /// How the only flow ended, in words.
    pub(crate) fn failure(&self) -> String {
        let closed = self.events.iter().filter_map(|event| match event {
            Event::Closed(Closed { failure, .. }) => Some(failure.as_ref()),
            _ => None,
        });
        let [failure] = closed.collect::<Vec<_>>()[..] else { panic!("not one flow") };
        failure.map(ToString::to_string).unwrap_or_default()
    }
}
