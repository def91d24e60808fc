//! A small HTTPS server on loopback.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::root::provider;

/// What it answers.
const ANSWER: &str = "{\"hello\":\"from the demonstration\"}\n";

/// How long a client may take; longer than any that works.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most of a request that is read.
const MAX_REQUEST: u64 = 64 * 1024;

/// A server that serves until the process ends.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) port: u16,
    pub(super) root: CertificateDer<'static>,
}

impl Origin {
    /// Serves on a free port of loopback with that certificate.
    pub(super) fn start(
        root: CertificateDer<'static>,
        key: Arc<CertifiedKey>,
    ) -> anyhow::Result<Self> {
        let resolver = Arc::new(rustls::sign::SingleCertAndKey::from(key));
        let config = ServerConfig::builder_with_provider(Arc::new(provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        let config = Arc::new(config);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        thread::Builder::new().name("origin".into()).spawn(move || {
            for stream in listener.incoming().flatten() {
                let config = Arc::clone(&config);
                // What goes wrong here is seen on the flow.
                thread::spawn(move || drop(serve(stream, config)));
            }
        })?;
        Ok(Self { port, root })
    }
}

/// Reads one request and answers it.
fn serve(stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let tls = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut reader = BufReader::new(StreamOwned::new(tls, stream).take(MAX_REQUEST));
    let mut body_bytes = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else {
            match line.trim_end() {
                "" => break,
                _start_line => continue,
            }
        };
        if name.eq_ignore_ascii_case("content-length") {
            body_bytes = value.trim().parse().unwrap_or(0);
        }
    }
    io::copy(&mut reader.by_ref().take(body_bytes), &mut io::sink())?;
    let mut stream = reader.into_inner().into_inner();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{ANSWER}",
        ANSWER.len()
    )?;
    stream.conn.send_close_notify();
    stream.flush()
}
