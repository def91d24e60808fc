//! The lab's own client, against the lab's origins and beside the programs that it stands for.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;

use sidestream_lab::client::{Order, System, ask, did};
use sidestream_lab::model::{
    Answer, Ask, Close, Ended, Family, HttpAsk, Program, ServeHttp, ServeTls, Service, Step,
    Trouble, WsFrame,
};
use tokio::runtime::Builder;

use crate::origin::{Here, run};

fn do_it(here: &Here, what: &Ask) -> Answer {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let system = System::new(Family::V4).with_roots(here.ca.pem_path());
    runtime.block_on(ask(&system, what))
}

fn get(here: &Here, scheme: &str, http2: bool) -> Answer {
    let url = format!("{scheme}://localhost:{}/page", here.port);
    do_it(here, &Ask::Http(HttpAsk { http2, ..HttpAsk::get(&url) }))
}

#[test]
fn every_end_of_an_answer_has_its_word() {
    for (close, content, trouble) in [
        (Close::Keep, "0123456789", None),
        (Close::After, "0123456789", None),
        (Close::Middle, "01234", Some(Trouble::CutShort)),
        (Close::Reset, "01234", Some(Trouble::Reset)),
    ] {
        let body = b"0123456789".to_vec();
        let here = Here::http(ServeHttp { close, body, ..ServeHttp::default() });
        let got = get(&here, "http", false);
        assert_eq!((got.status, got.trouble), (Some(200), trouble), "{close:?} {}", got.said);
        assert_eq!(got.content, content.as_bytes(), "{close:?}");
    }
}

#[test]
fn chunks_trailers_and_hints_are_understood() {
    let serve = ServeHttp {
        chunks: Some(3),
        trailers: vec![("X-Sum".into(), "7".into())],
        early_hints: true,
        ..ServeHttp::default()
    };
    for (http2, version) in [(false, "HTTP/1.1"), (true, "HTTP/2")] {
        let got = get(&Here::http(serve.clone()), "http", http2);
        assert_eq!((got.status, got.trouble), (Some(200), None), "{}", got.said);
        assert_eq!(got.version.as_deref(), Some(version));
        assert_eq!(got.content, serve.body);
    }
}

#[test]
fn every_fault_of_tls_has_its_word() {
    for (tls, trouble) in [
        (ServeTls::Good, None),
        (ServeTls::Old, None),
        (ServeTls::Expired, Some(Trouble::Untrusted)),
        (ServeTls::OtherName, Some(Trouble::Untrusted)),
        (ServeTls::SelfSigned, Some(Trouble::Untrusted)),
        (ServeTls::Refuses, Some(Trouble::Tls)),
    ] {
        for http2 in [false, true] {
            let here = Here::serve(Service::Http(ServeHttp::default()), Some(tls));
            let got = get(&here, "https", http2);
            assert_eq!(got.trouble, trouble, "{tls:?}: {}", got.said);
            here.saw(if trouble.is_some() { Ended::NoHandshake } else { Ended::ByPeer });
        }
    }
}

#[test]
fn much_goes_both_ways_at_once() {
    let each = 3 << 20;
    let serve = vec![Step::SendMany(each), Step::Await(each), Step::End];
    let here = Here::serve(Service::Tcp(serve), None);
    let steps = vec![Step::SendMany(each), Step::Await(each), Step::End, Step::AwaitEnd];
    let (by, host) = (Program::Lab, "localhost".to_owned());
    let got = do_it(&here, &Ask::Tcp { by, host, port: here.port, steps });
    assert_eq!((got.content.len() as u64, got.trouble), (each, None), "{}", got.said);
    assert_eq!(here.saw(Ended::ByOrigin).bytes, (each, each));
}

#[test]
fn web_sockets_and_datagrams_come_back() {
    let here = Here::serve(Service::WebSocket, None);
    let url = format!("ws://localhost:{}/chat", here.port);
    let frames = vec![WsFrame::Text("hello".into()), WsFrame::Binary(vec![7; 70_000])];
    let got = do_it(&here, &Ask::WebSocket { by: Program::Lab, url, frames, close: 4001 });
    assert_eq!((got.status, got.trouble), (Some(101), None), "{}", got.said);
    assert_eq!(got.content.len(), 70_005);
    assert_eq!(here.saw(Ended::ByOrigin).bytes, (70_005, 70_005));

    let here = Here::serve(Service::UdpEcho, None);
    let datagrams = vec![b"one".to_vec(), Vec::new(), b"three".to_vec()];
    let (by, host, patience) =
        (Program::Lab, "localhost".into(), std::time::Duration::from_secs(9));
    let got = do_it(&here, &Ask::Udp { by, host, port: here.port, datagrams, patience });
    assert_eq!((&got.content[..], got.trouble), (&b"onethree"[..], None));
    assert_eq!(here.saw(Ended::Open).bytes, (8, 8));
}

#[test]
fn nobody_and_nowhere_have_their_words() {
    let here = Here::http(ServeHttp::default());
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    for (url, trouble) in [
        (format!("http://localhost:{free}/"), Trouble::Refused),
        ("http://a..invalid/".to_owned(), Trouble::NoName),
    ] {
        assert_eq!(do_it(&here, &Ask::Http(HttpAsk::get(&url))).trouble, Some(trouble));
    }
}

/// Takes one request after the other and returns each, whole.
fn requests(listener: TcpListener, count: usize) -> thread::JoinHandle<Vec<String>> {
    thread::spawn(move || {
        let take = || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut came = Vec::new();
            let mut buf = [0; 65_536];
            // Every request of this test ends with its content or, without any, with its head.
            while !came.ends_with(b"\r\n\r\n") && !came.ends_with(b"END") {
                let len = stream.read(&mut buf).unwrap();
                assert_ne!(len, 0, "cut short");
                came.extend_from_slice(&buf[..len]);
                if came.ends_with(b"\r\n\r\n")
                    && came.starts_with(b"POST")
                    && !came.ends_with(b"END")
                {
                    let len = stream.read(&mut buf).unwrap();
                    came.extend_from_slice(&buf[..len]);
                }
            }
            stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").unwrap();
            String::from_utf8(came).unwrap()
        };
        (0..count).map(|_| take()).collect()
    })
}

#[test]
fn requests_are_written_as_curl_writes_them() {
    const TEST: &str = "requests_are_written_as_curl_writes_them";
    if run(TEST, &["curl", "--version"]).is_none() {
        return;
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://localhost:{}/a?b", listener.local_addr().unwrap().port());
    let here = Here::http(ServeHttp::default());
    let get = HttpAsk::get(&url);
    let odd = vec![("x-Odd".to_owned(), "1".to_owned())];
    let typed = vec![("content-type".to_owned(), "text/x".to_owned())];
    let post = HttpAsk { method: "POST".into(), body: Some(b"all END".to_vec()), ..get.clone() };
    let asks = [
        (get.clone(), vec![]),
        (HttpAsk { fields: odd, ..get }, vec!["-H", "x-Odd: 1"]),
        (post.clone(), vec!["--data-binary", "all END"]),
        (
            HttpAsk { fields: typed, ..post },
            vec!["--data-binary", "all END", "-H", "content-type: text/x"],
        ),
    ];
    let taken = requests(listener, asks.len() * 2);
    for (ask, flags) in &asks {
        let argv = [&["curl", "-4qsS", "-A", "lab", "--http1.1"][..], flags, &[&url]].concat();
        let (status, _, err) = run(TEST, &argv).unwrap();
        assert_eq!(status, Some(0), "{err}");
        assert_eq!(do_it(&here, &Ask::Http(ask.clone())).status, Some(204));
    }
    for pair in taken.join().unwrap().chunks(2) {
        assert_eq!(pair[1], pair[0], "ours, and curl's");
    }
}

#[test]
fn an_order_is_read_back_from_json() {
    let order = Order { ask: Ask::Http(HttpAsk::get("http://origin/")), family: Family::V6 };
    let json = serde_json::to_string(&order).unwrap();
    assert_eq!(serde_json::from_str::<Order>(&json).unwrap(), order);
    assert_eq!(did(&order.ask), "curl GET http://origin/");
    assert!(sidestream_lab::client::ask_here("{}").is_err());
}
