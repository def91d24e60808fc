//! The parts, put together.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod inside;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use sidestream::Sidestream;
use sidestream::ca::Authority;
use sidestream::capture::next_incoming;
use sidestream::record::{Book, Entry, Finished, Recorded, Sink};
use sidestream_testkit::Origin;

#[derive(Default)]
pub(crate) struct Entries(pub(crate) Mutex<Vec<Entry>>);

impl Sink for Entries {
    fn record(&self, entry: &Entry) -> Recorded {
        self.0.lock().unwrap().push(entry.clone());
        Recorded::Accepted
    }
}

/// Asks a proxy for a URL, and returns what it answers.
fn fetch(proxy: std::net::SocketAddr, url: &str) -> String {
    let mut client = TcpStream::connect(proxy).unwrap();
    write!(client, "GET {url} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listening_proxy_serves_records_and_stops() {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let authority = Authority::generate("Test", SystemTime::now(), &provider).unwrap();
    let listening = sidestream::listen(&["127.0.0.1:0".parse().unwrap()], "regular").unwrap();
    let proxy = listening.addrs[0];
    let entries = Arc::new(Entries::default());
    let builder = Sidestream::builder(Arc::new(authority)).sink(Arc::clone(&entries) as Arc<_>);
    let mut handle = builder.build().unwrap().serve(listening.capture);

    let origin = Origin::http(|_, wire| {
        wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
    });
    let url = format!("http://{}/a", origin.addr());
    let answer = tokio::task::spawn_blocking(move || fetch(proxy, &url)).await.unwrap();
    assert!(answer.ends_with("\r\n\r\nhi"), "{answer}");
    handle.stop();
    assert_eq!(handle.ended().await.unwrap().flows, 1);

    let mut book = Book::default();
    let entries = entries.0.lock().unwrap();
    let finished: Vec<_> = entries.iter().flat_map(|entry| book.apply(entry)).collect();
    let Finished::Exchange(flow, exchange) = &finished[0] else { panic!("{finished:?}") };
    assert_eq!(exchange.response.as_ref().unwrap().status, 200);
    // Where sockets can be looked up, it is this very test that asked.
    if std::path::Path::new("/proc/self").exists() {
        assert_eq!(flow.process.as_ref().unwrap().pid, std::process::id());
    }
}

#[tokio::test]
async fn a_client_is_told_with_its_package() {
    let test = "a_client_is_told_with_its_package";
    let packages = sidestream::process::Packages::default();
    let Some(package) = packages.owner(std::path::Path::new("/usr/bin/curl")) else {
        return sidestream_testkit::skip(test, "curl is of no package that is known");
    };
    let mut listening = sidestream::listen(&["127.0.0.1:0".parse().unwrap()], "regular").unwrap();
    let proxy = format!("http://{}", listening.addrs[0]);
    // It is looked up beside, so the first flows may go without.
    for _ in 0..100 {
        let mut curl = Command::new("/usr/bin/curl");
        let curl = curl.args(["-s", "-m", "20", "-x", &proxy, "http://a.test/"]).spawn();
        let incoming = next_incoming(&mut *listening.capture).await.unwrap().unwrap();
        let process = incoming.info.process.unwrap();
        drop(incoming.kind);
        assert!(!curl.unwrap().wait().unwrap().success());
        assert_eq!(process.name, "curl");
        if process.package.as_ref() == Some(&package) {
            return;
        }
    }
    panic!("no flow of curl had a package");
}
