//! Origin servers on loopback that speak exactly what a test tells them.

mod request;
mod wire;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::ServerConfig;
use socket2::SockRef;

pub use request::Request;
pub use wire::Wire;

/// A TCP server on loopback; it ends when it is dropped.
#[derive(Debug)]
pub struct Origin {
    addr: SocketAddr,
    listener: TcpListener,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

/// What an origin does with each connection.
pub struct Service {
    tls: Option<Arc<ServerConfig>>,
    serve: Box<Serve>,
}

type Serve = dyn Fn(&mut Wire, &Shared) -> io::Result<()> + Send + Sync;

/// What the origin and its connections' threads have in common.
#[derive(Debug, Default)]
struct Shared {
    stopped: AtomicBool,
    connections: Mutex<Vec<Connection>>,
    requests: Mutex<Vec<Request>>,
}

#[derive(Debug)]
struct Connection {
    /// Kept while the connection is served, so that the end of the origin ends it.
    stream: Option<TcpStream>,
    received: Arc<Mutex<Vec<u8>>>,
}

impl Service {
    /// Answers HTTP/1 requests: `handler` gets each whole request and writes the bytes of the answer.
    ///
    /// The connection stays open for the next request until the handler closes
    /// it, fails, or the client goes.
    pub fn http<H>(handler: H) -> Self
    where
        H: Fn(&Request, &mut Wire) -> io::Result<()> + Send + Sync + 'static,
    {
        Self {
            tls: None,
            serve: Box::new(move |wire, shared| {
                while let Some(request) = Request::read(wire)? {
                    lock(&shared.requests).push(request.clone());
                    handler(&request, wire)?;
                    if wire.is_closed() {
                        break;
                    }
                }
                Ok(())
            }),
        }
    }

    /// Gives the raw connection to `handler`; it is closed when the handler returns.
    pub fn tcp<H>(handler: H) -> Self
    where
        H: Fn(&mut Wire) -> io::Result<()> + Send + Sync + 'static,
    {
        Self { tls: None, serve: Box::new(move |wire, _shared| handler(wire)) }
    }

    /// Sends everything back until the client ends its side.
    pub fn echo() -> Self {
        Self::tcp(|wire| {
            let mut buffer = vec![0; 16 * 1024];
            loop {
                match wire.read(&mut buffer)? {
                    0 => return Ok(()),
                    len => wire.write_all(&buffer[..len])?,
                }
            }
        })
    }

    /// Puts TLS in front of the service.
    pub fn over_tls(mut self, config: impl Into<Arc<ServerConfig>>) -> Self {
        self.tls = Some(config.into());
        self
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("tls", &self.tls.is_some()).finish_non_exhaustive()
    }
}

impl Origin {
    /// Starts a plain HTTP/1 origin on a free port of 127.0.0.1; see [`Service::http`].
    pub fn http<H>(handler: H) -> Self
    where
        H: Fn(&Request, &mut Wire) -> io::Result<()> + Send + Sync + 'static,
    {
        Self::loopback(Service::http(handler))
    }

    /// Starts an HTTP/1 origin over TLS on a free port of 127.0.0.1.
    pub fn https<H>(config: impl Into<Arc<ServerConfig>>, handler: H) -> Self
    where
        H: Fn(&Request, &mut Wire) -> io::Result<()> + Send + Sync + 'static,
    {
        Self::loopback(Service::http(handler).over_tls(config))
    }

    /// Starts an origin on a free port of 127.0.0.1 whose handler owns each raw connection.
    pub fn tcp<H>(handler: H) -> Self
    where
        H: Fn(&mut Wire) -> io::Result<()> + Send + Sync + 'static,
    {
        Self::loopback(Service::tcp(handler))
    }

    /// Starts an origin on a free port of 127.0.0.1 that sends everything back.
    pub fn echo() -> Self {
        Self::loopback(Service::echo())
    }

    fn loopback(service: Service) -> Self {
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self::listen(any_port, service).expect("loopback has a free port")
    }

    /// Starts `service` on `addr`; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// When the address cannot be bound.
    pub fn listen(addr: SocketAddr, service: Service) -> io::Result<Self> {
        let listener = TcpListener::bind(addr)?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let accepting = thread::Builder::new().name(format!("origin {addr}")).spawn({
            let listener = listener.try_clone()?;
            let shared = Arc::clone(&shared);
            move || accept(&listener, &Arc::new(service), &shared)
        })?;
        Ok(Self { addr, listener, shared, accepting: Some(accepting) })
    }

    /// Gives the address on which the origin listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Gives the port on which the origin listens.
    pub fn port(&self) -> u16 {
        self.addr.port()
    }

    /// Gives the HTTP requests read so far, in the order in which they were complete.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.requests).clone()
    }

    /// Gives what each connection's handler has read so far, decrypted, in the order of accepting.
    ///
    /// The first mebibyte of each connection is kept.
    pub fn received(&self) -> Vec<Vec<u8>> {
        let connections = lock(&self.shared.connections);
        connections.iter().map(|connection| lock(&connection.received).clone()).collect()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Linux wakes the accepting thread by this, other systems by a connection.
        drop(SockRef::from(&self.listener).shutdown(Shutdown::Both));
        drop(TcpStream::connect_timeout(&self.addr, Duration::from_millis(200)));
        if let Some(accepting) = self.accepting.take() {
            drop(accepting.join());
        }
        for stream in lock(&self.shared.connections).iter().filter_map(|c| c.stream.as_ref()) {
            drop(stream.shutdown(Shutdown::Both));
        }
    }
}

fn accept(listener: &TcpListener, service: &Arc<Service>, shared: &Arc<Shared>) {
    while let Ok((stream, _peer)) = listener.accept() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let received = Arc::new(Mutex::new(Vec::new()));
        let index = {
            let mut connections = lock(&shared.connections);
            let kept = stream.try_clone().ok();
            connections.push(Connection { stream: kept, received: Arc::clone(&received) });
            connections.len() - 1
        };
        let (service, shared) = (Arc::clone(service), Arc::clone(shared));
        thread::spawn(move || {
            // What a client does to the connection is for the test to assert, not an error here.
            drop(serve(stream, received, &service, &shared));
            lock(&shared.connections)[index].stream = None;
        });
    }
}

fn serve(
    stream: TcpStream,
    received: Arc<Mutex<Vec<u8>>>,
    service: &Service,
    shared: &Shared,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut wire = Wire::new(stream, service.tls.clone(), received)?;
    let served = (service.serve)(&mut wire, shared);
    wire.finish()?;
    served
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
