//! The harness: a sandbox whose flows are relayed as they are.

use std::cell::Cell;
use std::future::poll_fn;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sidestream_capture::{
    Association, Dial, Direct, FlowInfo, Incoming, Kind, Target, next_incoming,
};
use sidestream_linux::{Driver, Notice, Options, Parts, Sandbox};
use tempfile::NamedTempFile;
use tokio::io::copy_bidirectional;
use tokio::runtime::Runtime;

/// What came of a command.
pub(crate) struct Outcome {
    pub(crate) status: ExitStatus,
    /// What it printed, on either stream.
    pub(crate) output: String,
    pub(crate) flows: Vec<FlowInfo>,
    pub(crate) notices: Vec<Notice>,
}

thread_local! {
    /// By what the sandboxes of this test are made.
    static DRIVER: Cell<Driver> = const { Cell::new(Driver::Namespace) };
}

/// Runs a test with its commands under a filter instead of in namespaces.
pub(crate) fn under_seccomp<T>(test: impl FnOnce() -> T) -> T {
    DRIVER.set(Driver::Seccomp);
    test()
}

pub(crate) fn driver() -> Driver {
    DRIVER.get()
}

/// Whether this user may make sandboxes here; if not, the test is skipped.
pub(crate) fn able(test: &str) -> bool {
    let able = driver() == Driver::Seccomp
        || sidestream_testkit::is_root()
        || sidestream_testkit::can_make_user_namespaces();
    if !able {
        sidestream_testkit::skip(test, "this user may not make namespaces here");
    }
    able
}

/// The system's own Python, which every user can run.
pub(crate) const PYTHON: &str = "/usr/bin/python3";

/// Runs a Python script with those arguments.
pub(crate) fn python(script: &str, args: &[&str]) -> Outcome {
    let command = [&[PYTHON, "-c", script][..], args].concat();
    run(Options::new(command))
}

/// Runs a command to its end, relaying all its flows.
pub(crate) fn run(options: Options) -> Outcome {
    run_beside(options, async || ())
}

/// The same, and does something on the host meanwhile.
pub(crate) fn run_beside(mut options: Options, beside: impl AsyncFnOnce()) -> Outcome {
    options.driver = driver();
    let output = NamedTempFile::new().unwrap();
    let shell = ["sh", "-c", "exec \"$@\" > \"$0\" 2>&1", output.path().to_str().unwrap()];
    options.command.splice(..0, shell.map(Into::into));
    let sandbox = Sandbox::launch(options).unwrap();
    let runtime = runtime();
    let (status, flows, notices) = runtime.block_on(async {
        let Parts { mut capture, mut running, mut notices, .. } = sandbox.start().unwrap();
        let flows = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&flows);
        let served = tokio::spawn(async move {
            while let Some(incoming) = next_incoming(&mut capture).await.unwrap() {
                seen.lock().unwrap().push(incoming.info.clone());
                tokio::spawn(relay(incoming));
            }
        });
        beside().await;
        let status = tokio::time::timeout(Duration::from_secs(60), running.wait()).await;
        served.await.unwrap();
        let status = status.expect("the command ends within a minute").unwrap();
        let notices = std::iter::from_fn(|| notices.try_next()).collect();
        let flows = flows.lock().unwrap().clone();
        (status, flows, notices)
    });
    let output = std::fs::read_to_string(output.path()).unwrap();
    Outcome { status, output, flows, notices }
}

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

async fn relay(Incoming { info, kind }: Incoming) {
    let target = Target::Addr(info.key.server);
    match kind {
        Kind::Tcp(pending) => match Direct::default().dial(&info, &target).await {
            Ok(mut dialed) => {
                let mut client = pending.accept().await.unwrap();
                // Either side may reset.
                _ = copy_bidirectional(&mut client, &mut dialed.stream).await;
            }
            Err(failure) => pending.refuse(&failure),
        },
        Kind::Udp(mut client) => {
            let dialed = Direct::default().associate(&info, &target).await.unwrap();
            let mut server = dialed.association;
            // A refusing server ends the association.
            _ = datagrams(&mut *client, &mut *server).await;
        }
    }
}

async fn datagrams(
    client: &mut dyn Association,
    server: &mut dyn Association,
) -> std::io::Result<()> {
    loop {
        let (datagram, to_server) = tokio::select! {
            datagram = poll_fn(|cx| client.poll_recv(cx)) => (datagram?, true),
            datagram = poll_fn(|cx| server.poll_recv(cx)) => (datagram?, false),
        };
        let Some(datagram) = datagram else { return Ok(()) };
        poll_fn(|cx| match to_server {
            true => server.poll_send(cx, &datagram),
            false => client.poll_send(cx, &datagram),
        })
        .await?;
    }
}

/// Waits for something on the host, ten seconds at most.
#[track_caller]
pub(crate) fn eventually(what: &str, mut reached: impl FnMut() -> bool) {
    for _ in 0..500 {
        if reached() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("not reached: {what}");
}
