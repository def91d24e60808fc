//! Runs a command in a sandbox, relays its flows as they are, and prints each of them:
//! `cargo run --example flows -- [--seccomp] curl http://localhost:8000/`.
#![expect(clippy::print_stderr, reason = "an example prints")]

use std::future::poll_fn;
use std::process::ExitCode;

use sidestream_capture::{
    Association, Dial, Direct, FlowInfo, Incoming, Kind, Target, next_incoming,
};
use sidestream_linux::{Driver, Options, Parts, Sandbox};
use tokio::io::copy_bidirectional;

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut args = std::env::args_os().skip(1).peekable();
    let driver = args.next_if(|arg| arg == "--seccomp").map_or(Driver::Auto, |_| Driver::Seccomp);
    let options = Options::new(args.skip_while(|arg| arg == "--"));
    // Before the runtime and its threads.
    let sandbox = Sandbox::launch(Options { driver, ..options })?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(sandbox))
}

async fn serve(sandbox: Sandbox) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let Parts { mut capture, mut running, mut notices, .. } = sandbox.start()?;
    tokio::spawn(async move {
        while let Ok(Some(incoming)) = next_incoming(&mut capture).await {
            let info = &incoming.info;
            let who = info.process.as_ref().map(|process| (process.name.as_str(), process.pid));
            eprintln!("{} by {who:?}", info.key);
            tokio::spawn(relay(incoming));
        }
    });
    let status = loop {
        tokio::select! {
            Some(notice) = notices.next() => eprintln!("note: {notice}"),
            status = running.wait() => break status?,
        }
    };
    while let Some(notice) = notices.try_next() {
        eprintln!("note: {notice}");
    }
    // Without a code it was ended by a signal.
    Ok(status.code().map_or(ExitCode::FAILURE, |code| ExitCode::from(code as u8)))
}

async fn relay(Incoming { info, kind }: Incoming) {
    let target = Target::Addr(info.key.server);
    match kind {
        Kind::Tcp(pending) => match Direct::default().dial(&info, &target).await {
            Ok(mut dialed) => {
                if let Ok(mut client) = pending.accept().await {
                    // Either side's failure ends both.
                    _ = copy_bidirectional(&mut client, &mut dialed.stream).await;
                }
            }
            Err(failure) => {
                eprintln!("{}: {failure}", info.key);
                pending.refuse(&failure);
            }
        },
        Kind::Udp(client) => {
            if let Err(error) = datagrams(client, &info, &target).await {
                eprintln!("{}: {error}", info.key);
            }
        }
    }
}

async fn datagrams(
    mut client: Box<dyn Association>,
    info: &FlowInfo,
    target: &Target,
) -> Result<(), Box<dyn std::error::Error>> {
    let dialed = Direct::default().associate(info, target).await;
    let mut server = dialed.map_err(|failure| failure.to_string())?.association;
    loop {
        tokio::select! {
            datagram = poll_fn(|cx| client.poll_recv(cx)) => match datagram? {
                Some(datagram) => poll_fn(|cx| server.poll_send(cx, &datagram)).await?,
                None => return Ok(()),
            },
            datagram = poll_fn(|cx| server.poll_recv(cx)) => match datagram? {
                Some(datagram) => poll_fn(|cx| client.poll_send(cx, &datagram)).await?,
                None => return Ok(()),
            },
        }
    }
}
