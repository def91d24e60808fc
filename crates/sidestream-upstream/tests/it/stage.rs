//! A proxy that says what a test has it say, and a dialler that goes through it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use sidestream_capture::{Destination, Dial, Dialed, Direct, Egress, FlowInfo, Target};
use sidestream_flow::{FlowKey, Transport};
use sidestream_record::DialFailure;
use sidestream_upstream::Upstream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A TLS configuration that trusts nobody.
pub(crate) fn trusting_nobody() -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
}

pub(crate) fn flow() -> FlowInfo {
    let nowhere = ([0, 0, 0, 0], 0).into();
    FlowInfo {
        key: FlowKey { transport: Transport::Tcp, client: nowhere, server: nowhere },
        process: None,
        via: "test",
        destination: Destination::Named,
        egress: Egress(7),
        residual: None,
    }
}

/// Goes through that proxy.
pub(crate) fn upstream(url: &str) -> Upstream {
    let direct = Arc::new(Direct::default());
    Upstream::new(url.parse().unwrap(), direct, trusting_nobody())
        .with_timeout(Duration::from_secs(30))
}

/// What a proxy does with one connection, bytes wanted and bytes said in turn.
pub(crate) type Script = Vec<(&'static [u8], &'static [u8])>;

/// Listens, and plays a script for each connection; what follows is sent back.
pub(crate) async fn proxy(scripts: Vec<Script>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for script in scripts {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(play(stream, script));
        }
    });
    addr
}

async fn play(mut stream: TcpStream, script: Script) {
    for (wanted, said) in script {
        let mut read = vec![0; wanted.len()];
        stream.read_exact(&mut read).await.unwrap();
        let words = String::from_utf8_lossy(&read).into_owned();
        assert_eq!(read, wanted, "{words}");
        // One byte after the other: no answer comes whole.
        for byte in said {
            stream.write_all(&[*byte]).await.unwrap();
            stream.flush().await.unwrap();
        }
    }
    let (mut reading, mut writing) = stream.split();
    _ = tokio::io::copy(&mut reading, &mut writing).await;
}

pub(crate) fn name(host: &str, port: u16) -> Target {
    Target::Name(host.into(), port)
}

/// Dials by name, and says what became of it.
pub(crate) async fn failure(dial: &Upstream, target: &Target) -> DialFailure {
    let failed = dial.dial(&flow(), target).await;
    failed.expect_err("there is no way")
}

/// Checks that what is sent comes back.
pub(crate) async fn check_echo(dialed: Dialed) {
    let mut stream = dialed.stream;
    stream.write_all(b"there and back").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut back = String::new();
    stream.read_to_string(&mut back).await.unwrap();
    assert_eq!(back, "there and back");
}
