//! Origins on loopback, before real programs and byte by byte.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use sidestream_lab::model::{Close, Ended, OriginSeen, Serve, ServeHttp, ServeTls, Service, Step};
use sidestream_lab::origin::{Identity, Log, Names, Origin, Site};
use sidestream_testkit::{TestCa, skip};
use tokio::runtime::Builder;

/// An origin on a free port of loopback.
pub(crate) struct Here {
    pub(crate) port: u16,
    pub(crate) ca: TestCa,
    log: Log,
    _origin: Origin,
}

impl Here {
    pub(crate) fn serve(service: Service, tls: Option<ServeTls>) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let handle = runtime.handle().clone();
        thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
        let (ca, log) = (TestCa::new(), Log::default());
        let identity = tls.map(|tls| Identity::issue(&ca, tls, &["localhost"]).unwrap());
        let names = Names::from([("origin".into(), vec![[10, 77, 0, 2].into()])]);
        let serve = Serve { port: 0, service, tls };
        let site = Site::new("here", &serve, identity.as_ref(), &Arc::new(names), &log).unwrap();
        let _within = handle.enter();
        let origin = Origin::bind_to(&[Ipv4Addr::LOCALHOST.into()], site).unwrap();
        Self { port: origin.port(), ca, log, _origin: origin }
    }

    pub(crate) fn http(serve: ServeHttp) -> Self {
        Self::serve(Service::Http(serve), None)
    }

    /// What it saw of its only visitor, once that has ended as expected.
    pub(crate) fn saw(&self, ended: Ended) -> OriginSeen {
        for _ in 0..500 {
            if let [seen] = &self.log.seen()[..]
                && seen.ended == ended
            {
                return seen.clone();
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("not {ended:?}: {:?}", self.log.seen());
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap()
    }

    /// Sends a request and returns all that comes, and how it ends.
    fn ask(&self, request: &str) -> (String, Option<ErrorKind>) {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let mut came = Vec::new();
        let error = stream.read_to_end(&mut came).err().map(|error| error.kind());
        (String::from_utf8(came).unwrap(), error)
    }
}

/// Runs a program; `None`, and a skip, where it is missing.
pub(crate) fn run(test: &str, argv: &[&str]) -> Option<(Option<i32>, String, String)> {
    match Command::new(argv[0]).args(&argv[1..]).output() {
        Ok(done) => {
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
            Some((done.status.code(), text(done.stdout), text(done.stderr)))
        }
        Err(_) => {
            skip(test, &format!("no {} here", argv[0]));
            None
        }
    }
}

#[test]
fn http_is_written_byte_by_byte() {
    let last = "GET /a HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n";
    let chunked = ServeHttp {
        status: 404,
        fields: vec![("x-b".into(), "2".into()), ("X-A".into(), String::new())],
        body: b"hello".to_vec(),
        chunks: Some(4),
        trailers: vec![("X-Sum".into(), "7".into())],
        ..ServeHttp::default()
    };
    let hinted = ServeHttp { early_hints: true, body: b"x".to_vec(), ..ServeHttp::default() };
    for (serve, expected) in [
        (
            chunked,
            "HTTP/1.1 404 Not Found\r\nx-b: 2\r\nX-A:\r\nTransfer-Encoding: chunked\r\n\
             Trailer: X-Sum\r\n\r\n4\r\nhell\r\n1\r\no\r\n0\r\nX-Sum: 7\r\n\r\n",
        ),
        (
            hinted,
            "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n\
             HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\nx",
        ),
    ] {
        assert_eq!(Here::http(serve).ask(last), (expected.to_owned(), None));
    }
}

#[test]
fn a_connection_ends_as_it_is_told() {
    let request = "GET / HTTP/1.1\r\nHost: here\r\n\r\n";
    for (close, expected, error) in [
        (Close::After, "0123456789", None),
        (Close::Middle, "01234", None),
        (Close::Reset, "01234", Some(ErrorKind::ConnectionReset)),
    ] {
        let body = b"0123456789".to_vec();
        let here = Here::http(ServeHttp { close, body, ..ServeHttp::default() });
        let (came, how) = here.ask(request);
        assert_eq!(came.split("\r\n\r\n").nth(1), Some(expected), "{close:?}");
        assert_eq!(how, error, "{close:?}");
        assert_eq!(here.saw(Ended::ByOrigin).first, ["GET / HTTP/1.1"]);
    }
}

#[test]
fn a_connection_that_stays_answers_again() {
    let here = Here::http(ServeHttp { body: b"x".to_vec(), ..ServeHttp::default() });
    let twice = "GET /1 HTTP/1.1\r\n\r\nPOST /2 HTTP/1.1\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab";
    let (came, _) = here.ask(twice);
    assert_eq!(came.matches("200 OK").count(), 2);
    assert_eq!(here.saw(Ended::ByOrigin).first, ["GET /1 HTTP/1.1", "POST /2 HTTP/1.1"]);
}

#[test]
fn curl_is_served_every_version() {
    const TEST: &str = "curl_is_served_every_version";
    let body = b"0123456789abcdef".repeat(10_000);
    for (tls, flags, expected, seen) in [
        (None, "--http1.1", "1.1 200 160000", None),
        (None, "--http2-prior-knowledge", "2 200 160000", None),
        (Some(ServeTls::Good), "--http2", "2 200 160000", Some("TLS 1.3 localhost h2")),
        (Some(ServeTls::Good), "--http1.1", "1.1 200 160000", Some("TLS 1.3 localhost http/1.1")),
        (Some(ServeTls::Old), "--http2", "2 200 160000", Some("TLS 1.2 localhost h2")),
    ] {
        let served = ServeHttp { body: body.clone(), ..ServeHttp::default() };
        let here = Here::serve(Service::Http(served), tls);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://localhost:{}/page", here.port);
        let (root, wants) = (
            here.ca.pem_path().display().to_string(),
            "%{http_version} %{response_code} %{size_download}",
        );
        let argv =
            ["curl", "-4qsS", flags, "--cacert", &root, "-o", "/dev/null", "-w", wants, &url];
        let Some((_, out, err)) = run(TEST, &argv) else { return };
        assert_eq!(out, expected, "{flags} {tls:?}: {err}");
        assert_eq!(here.saw(Ended::ByPeer).tls.as_deref(), seen);
    }
}

#[test]
fn curl_sees_every_fault_of_tls() {
    const TEST: &str = "curl_sees_every_fault_of_tls";
    for (tls, code) in [
        (ServeTls::Expired, 60),
        (ServeTls::OtherName, 60),
        (ServeTls::SelfSigned, 60),
        (ServeTls::Refuses, 35),
    ] {
        let here = Here::serve(Service::Http(ServeHttp::default()), Some(tls));
        let url = format!("https://localhost:{}/", here.port);
        let root = here.ca.pem_path().display().to_string();
        let Some((status, _, err)) = run(TEST, &["curl", "-4qsS", "--cacert", &root, &url]) else {
            return;
        };
        assert_eq!(status, Some(code), "{tls:?}: {err}");
        // Whose certificate it is, curl asks when TLS is agreed on.
        if tls != ServeTls::OtherName {
            here.saw(Ended::NoHandshake);
        }
    }
}

#[test]
fn dig_is_answered() {
    let here = Here::serve(Service::Dns, None);
    let port = here.port.to_string();
    let ask =
        |name| run("dig_is_answered", &["dig", "@127.0.0.1", "-p", &port, "+noedns", name, "A"]);
    let Some((_, out, _)) = ask("origin") else { return };
    assert!(out.contains("status: NOERROR") && out.contains("10.77.0.2"), "{out}");
    let (_, out, _) = ask("missing").unwrap();
    assert!(out.contains("status: NXDOMAIN"), "{out}");
    let questions: Vec<_> = here.log.seen().into_iter().flat_map(|seen| seen.first).collect();
    assert_eq!(questions, ["origin", "missing"]);
}

#[test]
fn an_echo_ends_when_its_client_does() {
    let here = Here::serve(Service::Echo, None);
    let mut stream = here.connect();
    stream.write_all(b"back\xff").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut came = Vec::new();
    stream.read_to_end(&mut came).unwrap();
    assert_eq!(came, b"back\xff");
    let seen = here.saw(Ended::ByPeer);
    assert_eq!((seen.bytes, &seen.first[..]), ((5, 5), &[r"back\xff".to_owned()][..]));
}

#[test]
fn a_script_is_followed_to_its_reset() {
    let steps = vec![Step::Await(2), Step::Send(b"half".to_vec()), Step::Reset];
    let here = Here::serve(Service::Tcp(steps), None);
    assert_eq!(here.ask("hi"), ("half".to_owned(), Some(ErrorKind::ConnectionReset)));
    assert_eq!(here.saw(Ended::ByOrigin).bytes, (2, 4));
}
