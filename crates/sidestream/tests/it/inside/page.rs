//! The page, by way of a proxy that clients speak to.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use sidestream::capture::{Dial, Direct, Target};
use sidestream::record::{Book, Finished, Sink};
use sidestream::{Handle, Inside, Sidestream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::spawn_blocking;

use super::names::flow;
use super::{authority, site};
use crate::Entries;

/// A proxy inside which the page is.
struct Proxy {
    addr: SocketAddr,
    entries: Arc<Entries>,
    handle: Handle,
    fingerprint: String,
    pem: String,
}

impl Proxy {
    fn start() -> Self {
        let authority = authority();
        let site = site(&authority);
        let (fingerprint, pem) = (site.fingerprint().to_owned(), authority.certificate_pem());
        let listening = sidestream::listen(&["127.0.0.1:0".parse().unwrap()], "regular").unwrap();
        let addr = listening.addrs[0];
        let entries = Arc::new(Entries::default());
        let inside = Inside::new(Arc::new(Direct::default()), site);
        let builder = Sidestream::builder(authority).dial(Arc::new(inside));
        let sink = Arc::clone(&entries) as Arc<dyn Sink>;
        let handle = builder.sink(sink).build().unwrap().serve(listening.capture);
        Self { addr, entries, handle, fingerprint, pem }
    }

    /// Says something, and reads until the end.
    async fn say(&self, words: &str) -> String {
        let (addr, words) = (self.addr, words.to_owned());
        let said = spawn_blocking(move || {
            let mut client = TcpStream::connect(addr).unwrap();
            client.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            client.write_all(words.as_bytes()).unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).unwrap();
            answer
        });
        said.await.unwrap()
    }

    /// Asks for a path, as a browser does.
    async fn get(&self, url: &str) -> String {
        let fields = "Host: sidestream.internal\r\nAccept: text/html\r\nConnection: close\r\n\r\n";
        self.say(&format!("GET {url} HTTP/1.1\r\n{fields}")).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_a_proxy_for_the_page_gets_it() {
    let mut proxy = Proxy::start();
    for host in ["sidestream.internal", "SideStream.Internal", "sidestream.internal:80"] {
        let answer = proxy.get(&format!("http://{host}/")).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains(&proxy.fingerprint), "{answer}");
    }
    let answer = proxy.get("http://sidestream.internal/cert.pem").await;
    assert!(answer.ends_with(&proxy.pem), "{answer}");

    let fields = "Host: sidestream.internal\r\nConnection: close\r\n\r\n";
    let tunneled =
        "CONNECT sidestream.internal:80 HTTP/1.1\r\nHost: sidestream.internal:80\r\n\r\n";
    let answer = proxy.say(&format!("{tunneled}GET /cert.pem HTTP/1.1\r\n{fields}")).await;
    assert!(answer.ends_with(&proxy.pem), "{answer}");

    proxy.handle.stop();
    proxy.handle.ended().await.unwrap();
    let mut book = Book::default();
    let entries = proxy.entries.0.lock().unwrap();
    let finished: Vec<_> = entries.iter().flat_map(|entry| book.apply(entry)).collect();
    let pages = finished.iter().filter(|finished| {
        matches!(finished, Finished::Exchange(_, exchange)
            if exchange.response.as_ref().is_some_and(|response| response.status == 200))
    });
    assert!(pages.count() >= 5, "{finished:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_else_is_behind_the_name() {
    let proxy = Proxy::start();
    let answer = proxy.get("http://sidestream.internal:8080/").await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    let connect = "CONNECT sidestream.internal:443 HTTP/1.1\r\nHost: sidestream.internal\r\n\r\n";
    let answer = proxy.say(connect).await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    let answer = proxy.get("http://sidestream.internal/nothing").await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    let post = "POST http://sidestream.internal/ HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\
                Connection: close\r\n\r\nhi";
    let answer = proxy.say(post).await;
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    let head = "HEAD http://sidestream.internal/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answer = proxy.say(head).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_visitors_at_once_are_bounded_and_who_comes_after_them_is_served() {
    let proxy = Proxy::start();
    let addr = proxy.addr;
    // Each has asked for the beginning of a page, and says no more.
    let opened = spawn_blocking(move || {
        let connect =
            "CONNECT sidestream.internal:80 HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n";
        let open = |_| {
            let mut client = TcpStream::connect(addr).unwrap();
            client.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            client.write_all(connect.as_bytes()).unwrap();
            let mut begun = [0; 12];
            client.read_exact(&mut begun).unwrap();
            (client, String::from_utf8_lossy(&begun).into_owned())
        };
        (0..80).map(open).collect::<Vec<_>>()
    });
    let opened = opened.await.unwrap();
    let refused = opened.iter().filter(|(_, begun)| begun == "HTTP/1.1 502").count();
    assert_eq!(refused, 80 - 64);
    drop(opened);
    for _ in 0..1000 {
        if proxy.get("http://sidestream.internal/").await.starts_with("HTTP/1.1 200 ") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("nobody is served any more");
}

/// Speaks with the page itself, and gives what it says until it hangs up.
async fn converse(words: &[u8]) -> String {
    let inside = Inside::new(Arc::new(Direct::default()), site(&authority()));
    let server = "127.0.0.1:8080".parse().unwrap();
    let target = Target::Name("sidestream.internal".to_owned(), 80);
    let mut stream = inside.dial(&flow(server), &target).await.unwrap().stream;
    // It may have hung up before it heard all.
    _ = stream.write_all(words).await;
    let mut said = Vec::new();
    stream.read_to_end(&mut said).await.unwrap();
    String::from_utf8(said).unwrap()
}

#[tokio::test(start_paused = true)]
async fn who_asks_too_slowly_or_too_much_is_hung_up_on() {
    let start = tokio::time::Instant::now();
    for beginning in ["", "GET", "GET / HTTP/1.1\r\nHost: a\r\n"] {
        let said = converse(beginning.as_bytes()).await;
        assert!(!said.contains(" 200 "), "{said}");
    }
    assert!(start.elapsed() <= Duration::from_secs(3 * 60));
    let long = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", "a".repeat(1 << 20));
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(1000));
    let body = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n".to_owned();
    for words in [long, many, body, "\r\n\r\n\0\u{7f}".to_owned()] {
        let said = converse(words.as_bytes()).await;
        assert!(!said.contains(" 200 "), "{said}");
    }
}
