//! What the tests share: a short recording, a file for it, and this test again in a process of its own.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use sidestream_flow::{ExchangeId, FlowId, FlowKey, Process, Transport, User};
use sidestream_record::{
    Closed, Entry, Event, Fields, Opened, Part, RequestHead, ResponseHead, Version,
};
use sidestream_store::{Reader, Recorder};
use tempfile::TempDir;

pub(crate) const FLOW: FlowId = FlowId(1);
pub(crate) const EXCHANGE: ExchangeId = ExchangeId(1);

/// A folder that goes with the test, and the path of a session in it.
pub(crate) fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.session");
    (folder, path)
}

/// An event of flow 1, so many milliseconds after 2026 began.
pub(crate) fn entry(millis: u64, event: Event) -> Entry {
    let new_year = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    Entry { at: new_year + Duration::from_millis(millis), flow: FLOW, event }
}

pub(crate) fn opened() -> Event {
    let shell = Process { pid: 41, name: "sh".into(), ..Process::default() };
    let process = Process {
        pid: 42,
        name: "curl".into(),
        path: Some("/usr/bin/curl".into()),
        args: vec!["curl".into(), "http://a.test/".into()],
        user: Some(User { uid: 1000, name: None }),
        parent: Some(Arc::new(shell)),
        ..Process::default()
    };
    let key = FlowKey {
        transport: Transport::Tcp,
        client: ([10, 0, 0, 2], 40000).into(),
        server: ([192, 0, 2, 1], 80).into(),
    };
    Event::Opened(Opened { key, process: Some(Arc::new(process)), via: "run".into() })
}

pub(crate) fn request(exchange: ExchangeId) -> Event {
    let head = RequestHead {
        method: Bytes::from_static(b"GET"),
        target: Bytes::from_static(b"/"),
        version: Version::Http11,
        fields: Fields::default(),
    };
    Event::Request { exchange, url: format!("http://a.test/{exchange}"), head }
}

pub(crate) fn response(exchange: ExchangeId, status: u16) -> Event {
    let head = ResponseHead {
        version: Version::Http11,
        status,
        reason: Bytes::new(),
        fields: Fields::default(),
    };
    Event::Response { exchange, head }
}

pub(crate) fn body(exchange: ExchangeId, data: impl Into<Bytes>) -> Event {
    Event::Body { exchange, part: Part::Response, data: data.into() }
}

pub(crate) fn ended(exchange: ExchangeId) -> Event {
    Event::ExchangeEnded { exchange, failure: None }
}

pub(crate) fn closed() -> Event {
    Event::Closed(Closed { received: 80, sent: 2048, failure: None })
}

pub(crate) fn read_all(reader: &Reader) -> Vec<Entry> {
    reader.entries(..).collect::<Result<_, _>>().unwrap()
}

/// Looks again and again until it holds, for at most half a minute.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < until, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Waits until all that was recorded is committed.
pub(crate) fn settle(recorder: &Recorder) {
    wait_until("all is written", || recorder.backlog_bytes() == 0);
}

/// Names the variable by which a test knows that it is the child of itself.
const CHILD: &str = "SIDESTREAM_STORE_CHILD";

/// Returns what the parent handed to this test's child, in the child.
pub(crate) fn child_argument() -> Option<PathBuf> {
    std::env::var_os(CHILD).map(PathBuf::from)
}

/// Prepares to run one test of this binary again as a child, `module::name`.
pub(crate) fn child(test: &str, argument: &std::path::Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(CHILD, argument);
    command
}
