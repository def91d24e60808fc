//! The helper's engine: it captures, finds out who, and hands over.

mod accept;
mod arrivals;
mod caller;
mod capture;
mod confine;
mod datagrams;
mod decide;
mod engine;
mod events;
mod facts;
mod handshake;
mod nets;
mod notices;
mod outbox;
mod people;
mod prepare;
mod processes;
mod records;
mod rendezvous;
mod reset;
mod rules;
mod verdicts;

use std::io;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use sidestream_bpf::Hooks;
use sidestream_ipc::{Message, Refused, Started};
use sidestream_spec::Spec;
use tokio::runtime::Builder;
use tokio::time::timeout;
use tracing::{debug, info};

pub use caller::Caller;
pub use confine::{isolate, restrict};
pub(super) use nets::may_enter;
pub use rendezvous::Rendezvous;

use super::channel::{Channel, Peer, Receiver};
use crate::{LogLines, ServeError, ServeOptions};
use engine::Engine;
use nets::Nets;
use outbox::Outbox;
use people::People;
use prepare::Holdings;

/// How long a proxy has to take the last words.
const FAREWELL: Duration = Duration::from_secs(1);

/// Captures for the proxy at the other end until it ends the capture or itself.
///
/// All that is made for it goes with it: hooks, listeners, a network device. Of what `log` yields
/// the proxy is told.
///
/// # Errors
///
/// The kernel cannot capture, or the proxy does not speak as it should; it was told, too.
pub fn serve(
    rendezvous: Rendezvous,
    options: ServeOptions,
    log: LogLines,
) -> Result<(), ServeError> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(system("start"))?;
    runtime.block_on(capture(rendezvous.into_stream(), options, log))
}

async fn capture(
    stream: UnixStream,
    options: ServeOptions,
    mut log: LogLines,
) -> Result<(), ServeError> {
    let peer = Peer::of(&stream).map_err(system("see who the proxy is"))?;
    let proxy = Peer::pidfd(&stream).ok();
    let (sender, mut receiver) =
        Channel::new(stream).map_err(system("speak to the proxy"))?.split();
    let mut out = Outbox::new(sender);
    let prepared = match prepare(&mut out, &mut receiver, options, peer.pid).await {
        Ok(prepared) => prepared,
        Err(error) => return Err(refuse(&mut out, error).await),
    };
    let Prepared { spec, reset, hooks, people, nets, mut holdings } = prepared;
    let own = peer.pid.into_iter().chain([std::process::id()]).collect();
    let mut engine = Engine::new(hooks, options, own, people, nets, spec, out);
    let captured = async {
        engine.begin(&mut holdings.events).map_err(system("tell the hooks what to capture"))?;
        engine.settle_nets().await;
        // The proxy says that it lives as soon as it is told of the start.
        let beat = engine.handle_beat(std::time::Instant::now());
        beat.map_err(system("tell the hooks that the proxy lives"))?;
        if reset {
            engine.reset_existing();
        }
        let (ipv6, all_users) = (holdings.network.has_ipv6(), options.all_users);
        info!(all_users, ipv6, "capturing");
        if is_contained() {
            info!("only the programs in this container (cgroup namespace) are captured");
        }
        engine.out.push(&Message::Started(Started { ipv6, udp: true, all_users }));
        capture::run(&mut engine, holdings, &mut receiver, proxy, &mut log).await
    };
    match captured.await {
        Ok(()) => Ok(()),
        Err(error) => Err(refuse(&mut engine.out, error).await),
    }
}

/// What a capture starts from.
struct Prepared {
    spec: Spec,
    reset: bool,
    hooks: Hooks,
    people: People,
    nets: Nets,
    holdings: Holdings,
}

async fn prepare(
    out: &mut Outbox,
    receiver: &mut Receiver,
    options: ServeOptions,
    proxy: Option<u32>,
) -> Result<Prepared, ServeError> {
    let (spec, reset) = handshake::greet(out, receiver).await?;
    let mut hooks = handshake::load(out, receiver, &options, proxy).await?;
    let people = People::open().map_err(system("read /proc"))?;
    let holdings = Holdings::make(&mut hooks)?;
    let nets = Nets::new(holdings.network.cookie());
    let nets = nets.map_err(system("prepare for other network namespaces"))?;
    Ok(Prepared { spec, reset, hooks, people, nets, holdings })
}

/// Tells whether the root of cgroup2, below which everything is captured, is not the machine's.
fn is_contained() -> bool {
    // The kernel gives the first cgroup namespace a fixed number.
    const FIRST: u64 = 0xEFFF_FFFB;
    rustix::fs::stat("/proc/self/ns/cgroup").is_ok_and(|stat| stat.st_ino != FIRST)
}

/// Tells the proxy why there is no capture, if it still listens.
async fn refuse(out: &mut Outbox, error: ServeError) -> ServeError {
    let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |it| it.source());
    let what = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    let remedy = error.remedy().map(str::to_owned);
    out.push(&Message::Refused(Refused { what, remedy }));
    let told = timeout(FAREWELL, out.flush()).await;
    debug!(?told, "refused");
    error
}

/// Says what was to be done when the system failed.
fn system(what: &'static str) -> impl Fn(io::Error) -> ServeError {
    move |source| ServeError::System { what, source }
}
