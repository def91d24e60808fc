//! HTTP/1.1.

use anyhow::Result;

use super::{ALL_DRIVERS, BOTH, EVERYWHERE, PLAIN, PROGRAMS, TOLD, http, stage};
use crate::lab::Lab;
use crate::model::{Ask, Close, GroundKind, HttpAsk, Program, Serve, ServeHttp, Service};
use crate::scenario::Scenario;

pub(crate) const GROUP: &[Scenario] = &[
    Scenario {
        name: "http1/get",
        shows: "a page is got, seen, and recorded with the program that got it",
        drivers: ALL_DRIVERS,
        apart: TOLD,
        families: BOTH,
        grounds: EVERYWHERE,
        run: |lab| {
            stage(lab, http(ServeHttp::default()))?;
            lab.get("app", "http://origin/hello").map(drop)
        },
    },
    Scenario {
        name: "http1/post",
        shows: "content goes up whole",
        drivers: ALL_DRIVERS,
        apart: TOLD,
        run: |lab| {
            stage(lab, http(ServeHttp { status: 201, ..ServeHttp::default() }))?;
            send(lab, "POST", Some(b"sent up".repeat(1000)))
        },
        ..PLAIN
    },
    Scenario {
        name: "http1/head",
        shows: "a response without content although it tells of some",
        run: |lab| {
            stage(lab, http(ServeHttp::default()))?;
            send(lab, "HEAD", None)
        },
        ..PLAIN
    },
    Scenario {
        name: "http1/chunks-and-trailers",
        shows: "chunks pass as they were cut, and trailers after them",
        run: |lab| {
            let trailers = vec![("X-Sum".to_owned(), "odd  Value".to_owned())];
            let body = b"chunked ".repeat(64);
            let chunked = ServeHttp { chunks: Some(100), trailers, body, ..ServeHttp::default() };
            stage(lab, http(chunked))?;
            lab.get("app", "http://origin/chunks").map(drop)
        },
        ..PLAIN
    },
    Scenario {
        name: "http1/early-hints",
        shows: "a 103 comes before the response, not in its place",
        run: |lab| {
            stage(lab, http(ServeHttp { early_hints: true, ..ServeHttp::default() }))?;
            lab.get("app", "http://origin/hinted").map(drop)
        },
        ..PLAIN
    },
    Scenario {
        name: "http1/odd-fields",
        shows: "the case, the order and the repetition of fields stay",
        drivers: ALL_DRIVERS,
        apart: TOLD,
        run: |lab| {
            let odd = [("x-b", "2"), ("X-A", "1"), ("x-B", "3"), ("X-Empty", "")];
            let fields = odd.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
            stage(lab, http(ServeHttp { status: 404, fields, ..ServeHttp::default() }))?;
            lab.get("app", "http://origin/odd").map(drop)
        },
        ..PLAIN
    },
    Scenario {
        name: "http1/closes-after",
        shows: "a server that ends after its response",
        run: |lab| ended(lab, Close::After),
        ..PLAIN
    },
    Scenario {
        name: "http1/cut-short",
        shows: "content that ends too early ends too early for the client as well",
        run: |lab| ended(lab, Close::Middle),
        ..PLAIN
    },
    Scenario {
        name: "http1/reset-in-content",
        shows: "a reset in the middle of content is a reset for the client as well",
        run: |lab| ended(lab, Close::Reset),
        ..PLAIN
    },
    Scenario {
        name: "http1/python",
        shows: "Python's urllib, without a word to it",
        grounds: &[GroundKind::Net],
        run: |lab| by(lab, Program::Python),
        ..PLAIN
    },
    Scenario {
        name: "http1/node",
        shows: "Node's fetch, without a word to it",
        grounds: &[GroundKind::Net],
        run: |lab| by(lab, Program::Node),
        ..PLAIN
    },
    Scenario {
        name: "http1/java",
        shows: "Java's HttpClient, without a word to it",
        grounds: &[GroundKind::Net],
        run: |lab| by(lab, Program::Java),
        ..PLAIN
    },
    Scenario {
        name: "http1/nginx",
        shows: "a server that is none of ours",
        grounds: PROGRAMS,
        run: |lab| {
            let service = Service::Program("nginx".to_owned());
            stage(lab, Serve { port: 80, service, tls: None })?;
            lab.get("app", "http://origin/").map(drop)
        },
        ..PLAIN
    },
];

fn send(lab: &mut Lab, method: &str, body: Option<Vec<u8>>) -> Result<()> {
    let get = HttpAsk::get("http://origin/sent");
    lab.ask("app", &Ask::Http(HttpAsk { method: method.to_owned(), body, ..get })).map(drop)
}

fn ended(lab: &mut Lab, close: Close) -> Result<()> {
    stage(lab, http(ServeHttp { close, body: b"0123456789".repeat(10), ..ServeHttp::default() }))?;
    lab.get("app", "http://origin/ended").map(drop)
}

fn by(lab: &mut Lab, by: Program) -> Result<()> {
    lab.hosts(&["app", "origin"])?;
    lab.serve("origin", http(ServeHttp { close: Close::After, ..ServeHttp::default() }))?;
    lab.intercept("app", "python,node,java")?;
    let ask = HttpAsk { by, ..HttpAsk::get("http://origin/by") };
    lab.ask("app", &Ask::Http(ask)).map(drop)
}
