//! `--mode`: a proxy without a command.

use std::net::{SocketAddr, ToSocketAddrs};

use anyhow::Context;
use sidestream::{Handle, Listening};

use super::start;
use crate::exit::Exit;
use crate::mode::{Listen, Mode};
use crate::outputs::Outputs;
use crate::print::{Detail, Style};
use crate::say::say;
use crate::serve::{Serving, runtime};
use crate::settings::Settings;

/// Serves the modes until Ctrl-C: once to end gracefully, twice to end at once.
pub(super) fn listen(modes: &[Mode], settings: &Settings, style: Style) -> anyhow::Result<Exit> {
    let root = start::root(settings)?;
    let trust = start::trust(settings)?;
    let listens: Vec<_> = modes.iter().filter_map(Mode::listen).collect();
    let addrs = listens.iter().map(resolve).collect::<anyhow::Result<Vec<_>>>()?.concat();
    let runtime = runtime()?;
    // Bound before a file is opened: a port in use is found out without a trace.
    let listening = {
        let _runtime = runtime.enter();
        sidestream::listen(&addrs)?
    };
    let outputs = Outputs::open(settings, style)?;
    let serving = Serving {
        authority: root.authority,
        trust,
        http: settings.http,
        sinks: outputs.sinks(),
        ids: outputs.ids(),
        detail: settings.detail,
    };
    let sidestream = serving.builder().build()?;
    let served = runtime.block_on(async {
        if settings.detail > Detail::Quiet {
            tell(&listening, root.certificate_path.as_deref());
        }
        serve(sidestream.serve(listening.capture)).await
    });
    runtime.shutdown_background();
    let complete = outputs.end();
    served?;
    Ok(if complete { Exit::Success } else { Exit::Failure })
}

/// Finds the addresses of a host; a name may have several.
fn resolve(listen: &Listen) -> anyhow::Result<Vec<SocketAddr>> {
    let found = (listen.host(), listen.port).to_socket_addrs();
    let found = found.with_context(|| format!("cannot listen on {listen}, no such host"))?;
    let mut addrs: Vec<_> = found.collect();
    addrs.dedup();
    Ok(addrs)
}

fn tell(listening: &Listening, certificate: Option<&std::path::Path>) {
    let addrs: Vec<_> = listening.addrs.iter().map(ToString::to_string).collect();
    let trust = certificate.map(|path| format!(", its root is {}", path.display()));
    say(format_args!("listening on {}{}", addrs.join(", "), trust.unwrap_or_default()));
}

async fn serve(mut handle: Handle) -> anyhow::Result<()> {
    let mut signals = Signals::take()?;
    loop {
        tokio::select! {
            ended = handle.ended() => {
                ended?;
                return Ok(());
            }
            () = signals.next() => handle.stop(),
        }
    }
}

/// The signals that ask to end.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn take() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The signals that ask to end.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn take() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        // Where it cannot be listened to, the system ends the process.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
