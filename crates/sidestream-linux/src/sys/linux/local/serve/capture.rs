//! A running capture.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use sidestream_bpf::Events;
use sidestream_ipc::{Level, Message, SetSpec};
use sidestream_spec::Spec;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tracing::{debug, info};

use super::super::channel::Receiver;
use super::arrivals::Arrivals;
use super::engine::{Engine, REST};
use super::handshake::{channel, out_of_turn};
use super::nets::Stir;
use super::prepare::Holdings;
use super::system;
use crate::sys::imp::sockets::readable;
use crate::{LogLines, ServeError};

/// How often what is done now and then is done.
const TICK: Duration = Duration::from_secs(1);

/// More lines of the log than this do not wait for the proxy.
const MAX_QUEUED: usize = 1 << 20;

/// How long the end may take while something still comes, and while the proxy takes it.
const LAST: Duration = Duration::from_millis(500);

/// How often events are taken before a connection is handled.
const MAX_DRAINS: usize = 16;

/// After how long without anything all has come that was under way.
const SETTLED: Duration = Duration::from_millis(5);

/// Whether the capture goes on.
enum Next {
    End,
    GoOn,
}

/// Captures until the proxy ends it, or ends itself.
pub(super) async fn run(
    engine: &mut Engine,
    holdings: Holdings,
    receiver: &mut Receiver,
    proxy: Option<OwnedFd>,
    log: &mut LogLines,
) -> Result<(), ServeError> {
    let Holdings { listeners, events, mut routes, mut network } = holdings;
    // SAFETY: the events own their descriptor, which is the same one until they are dropped.
    let events = unsafe { AsyncFd::register_with_interest(events, Interest::READABLE) };
    let mut events = events.map_err(io::Error::from).map_err(system("hear from the kernel"))?;
    let mut arrivals = Arrivals::new(&listeners).map_err(system("listen"))?;
    let proxy = proxy.and_then(|proxy| readable(proxy).ok());
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let now = Instant::now();
        let accepts = engine.accepts(now);
        tokio::select! {
            biased;
            received = receiver.receive() => match received.map_err(channel)? {
                Some((message, _no_descriptors)) => match handle(engine, message, events.get_mut())? {
                    Next::End => return finish(engine, &mut arrivals, &mut events).await,
                    Next::GoOn => {}
                },
                None => {
                    info!("the proxy hung up");
                    return Ok(());
                }
            },
            () = ended(proxy.as_ref()) => {
                info!("the proxy ended");
                return Ok(());
            }
            flushed = engine.out.flush(), if engine.out.queued_bytes() > 0 => {
                flushed.map_err(channel)?;
            }
            ready = events.readable_mut() => {
                let mut ready = ready.map_err(system("hear from the kernel"))?;
                if engine.drain(ready.get_inner_mut()) {
                    ready.clear_ready();
                }
            }
            ready = arrivals.ready(), if accepts => {
                ready.map_err(system("accept"))?;
                arrivals.take(engine, |engine| catch_up(engine, events.get_mut()));
            }
            line = log.next() => tell(engine, line),
            Some(table) = routes.recv() => {
                debug!(entries = table.entries.len(), "routes changed");
                network.handle_routes(&table, &engine.hooks)?;
            }
            stir = engine.nets.stir(accepts) => match stir.map_err(system("accept"))? {
                Stir::Coming => {
                    arrivals.take_elsewhere(engine, |engine| catch_up(engine, events.get_mut()));
                }
                Stir::Forsaken => engine.look_at_nets(),
                Stir::News(news) => engine.handle_news(news),
            },
            _tick = ticks.tick() => {
                engine.handle_tick(now);
                arrivals.settle(engine);
            }
            () = sleep(REST), if engine.rests(now) => {}
        }
        engine.answer_settled();
        let closes = engine.associations.is_closing() && engine.accepts(now);
        let told = |engine: &mut Engine| catch_up(engine, events.get_mut());
        if closes && arrivals.take_datagrams(engine, told) {
            engine.end_closed();
        }
    }
}

/// Hands over what was captured before the proxy asked to stop: the programs have connected
/// already, and know nothing of the end.
async fn finish(
    engine: &mut Engine,
    arrivals: &mut Arrivals<'_>,
    events: &mut AsyncFd<Events>,
) -> Result<(), ServeError> {
    engine.hooks.rest();
    let until = Instant::now() + LAST;
    while Instant::now() < until {
        tokio::select! {
            ready = arrivals.ready() => {
                ready.map_err(system("accept"))?;
                arrivals.take(engine, |engine| catch_up(engine, events.get_mut()));
            }
            stir = engine.nets.stir(true) => {
                if let Stir::Coming = stir.map_err(system("accept"))? {
                    arrivals.take_elsewhere(engine, |engine| catch_up(engine, events.get_mut()));
                }
            }
            () = sleep(SETTLED) => break,
        }
    }
    // A proxy that takes nothing any more has ended in its own way.
    timeout(LAST, engine.out.flush()).await.unwrap_or(Ok(())).map_err(channel)
}

/// Takes all that the kernel has told of processes, which comes before their connections.
fn catch_up(engine: &mut Engine, events: &mut Events) {
    // Who makes events faster than they are taken does not stop everything else.
    (0..MAX_DRAINS).any(|_| engine.drain(events));
}

/// Waits until the proxy has ended, for ever where that cannot be told.
async fn ended(proxy: Option<&AsyncFd<OwnedFd>>) {
    match proxy {
        Some(proxy) => drop(proxy.readable().await),
        None => std::future::pending().await,
    }
}

fn handle(engine: &mut Engine, message: Message, events: &mut Events) -> Result<Next, ServeError> {
    match message {
        Message::Beat => {
            let beat = engine.handle_beat(Instant::now());
            beat.map_err(system("tell the hooks that the proxy lives"))?;
        }
        Message::SetSpec(SetSpec { serial, spec, reset_existing }) => match spec.parse::<Spec>() {
            Ok(spec) => {
                engine.set_spec(spec, events);
                engine.answer_later(serial, reset_existing);
            }
            Err(error) => {
                let error = Some(error.to_string());
                engine.out.push(&Message::SpecSet { serial, error });
            }
        },
        Message::Open(request) => engine.open_socket(request),
        Message::Stop => return Ok(Next::End),
        other => return Err(out_of_turn(&other)),
    }
    Ok(Next::GoOn)
}

fn tell(engine: &mut Engine, (level, text): (tracing::Level, String)) {
    let level = match level {
        tracing::Level::ERROR => Level::Error,
        tracing::Level::WARN => Level::Warn,
        tracing::Level::INFO => Level::Info,
        tracing::Level::DEBUG => Level::Debug,
        tracing::Level::TRACE => Level::Trace,
    };
    if engine.out.queued_bytes() < MAX_QUEUED {
        engine.out.push(&Message::Log { level, text });
    }
}
