//! The one task of a driver: packets in, packets out, deadlines kept.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use sidestream_packet::Unreachable;
use tokio::sync::Semaphore;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::outputs::{Asked, Device, drain};
use crate::ping::{Echo, Ping};
use crate::state::{Over, Shared, State};

/// How many packets are taken before what they lead to is sent, and others may have the lock.
const BATCH: usize = 16;
/// How many batches are taken before other tasks may run.
const BATCHES: usize = 16;
/// How many hosts are pinged at the same time, with a socket for each.
pub(crate) const MAX_PINGS: usize = 256;

/// What the task has for itself; the device is behind the lock, so that it can be given back by
/// whoever ends the tunnel.
struct Engine {
    shared: Shared,
    ping: Option<Arc<Ping>>,
    pings: Arc<Semaphore>,
    buf: Vec<u8>,
    asked: Vec<Asked>,
    alarm: Pin<Box<Sleep>>,
}

/// Runs until the device has gone or broke, or nobody wants its flows any more.
pub(crate) async fn run(shared: Shared, ping: Option<Arc<Ping>>, buffer_len: usize) {
    let buf = vec![0; buffer_len];
    let alarm = Box::pin(sleep_until(Instant::now()));
    let pings = Arc::new(Semaphore::new(MAX_PINGS));
    let mut engine = Engine { shared: shared.clone(), ping, pings, buf, asked: Vec::new(), alarm };
    let over = match poll_fn(|cx| engine.poll(cx)).await {
        Ok(()) => Over::Gone,
        // That is how a driver says so that is sent to.
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Over::Gone,
        Err(error) => Over::Broken(error.kind(), error.to_string()),
    };
    let mut state = shared.lock();
    state.device = None;
    state.end(over);
}

/// Ends a tunnel at once: resets the connections, as far as the device takes that, and gives the
/// device back.
pub(crate) fn end(state: &mut State) {
    state.end(Over::Gone);
    let Some(mut device) = state.device.take() else { return };
    let mut cx = Context::from_waker(Waker::noop());
    // Nobody is left to be told what goes wrong.
    _ = drain(state, &mut device, &mut Vec::new(), Instant::now().into_std(), &mut cx);
}

impl Engine {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        for _ in 0..BATCHES {
            if ready!(self.poll_batch(cx))? {
                return Poll::Ready(Ok(()));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Takes a batch of packets and sends what comes of it; it is ready with true at the end.
    fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let shared = self.shared.clone();
        let mut state = shared.lock();
        // Before anything is looked at: whoever changes it later wakes us.
        state.await_as_engine(cx);
        let Some(mut device) = state.device.take() else { return Poll::Ready(Ok(true)) };
        let now = Instant::now().into_std();
        let turned = self.poll_turn(&mut state, &mut device, now, cx);
        state.device = Some(device);
        drop(state);
        let turn = ready!(turned)?;
        self.ask();
        match turn {
            Turn::Gone => Poll::Ready(Ok(true)),
            Turn::Again => Poll::Ready(Ok(false)),
            Turn::Wait(None) => Poll::Pending,
            Turn::Wait(Some(at)) => {
                self.alarm.as_mut().reset(Instant::from_std(at));
                ready!(self.alarm.as_mut().poll(cx));
                Poll::Ready(Ok(false))
            }
        }
    }

    fn poll_turn(
        &mut self,
        state: &mut State,
        device: &mut Device,
        now: std::time::Instant,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Turn>> {
        ready!(device.poll_held(cx))?;
        state.stack.handle_timeout(now);
        let mut count = 0;
        while count < BATCH {
            match device.driver.poll_recv(cx, &mut self.buf) {
                Poll::Ready(Ok(Some(received))) => {
                    let packet = &mut self.buf[..received.len];
                    state.stack.handle_packet(packet, received.offload, now);
                    count += 1;
                }
                Poll::Ready(Ok(None)) => return Poll::Ready(Ok(Turn::Gone)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => break,
            }
        }
        let orphans = state.end_orphans(now);
        let wants = ready!(drain(state, device, &mut self.asked, now, cx))?;
        Poll::Ready(Ok(match count {
            BATCH => Turn::Again,
            _ => Turn::Wait([wants, orphans].into_iter().flatten().min()),
        }))
    }

    /// Asks the hosts that were pinged, each in a task of its own. Beyond so many at once a ping is
    /// lost, and the stack forgets it: the stack's own bound ends no task.
    fn ask(&mut self) {
        for Asked { id, server, payload } in self.asked.drain(..) {
            let Some(ping) = self.ping.clone() else {
                self.shared.lock().stack.echo_unreachable(id, Unreachable::Prohibited);
                continue;
            };
            let Ok(permit) = Arc::clone(&self.pings).try_acquire_owned() else { continue };
            let shared = self.shared.clone();
            tokio::spawn(async move {
                let _permit = permit;
                let answered = ping(server, payload).await;
                let mut state = shared.lock();
                match answered {
                    Echo::Replied => state.stack.echo_reply(id),
                    Echo::Unreachable => state.stack.echo_unreachable(id, Unreachable::Host),
                    // The stack forgets it.
                    Echo::Silent => return,
                }
                state.kick();
            });
        }
    }
}

/// What comes after a batch.
enum Turn {
    /// Another one: there may be more packets.
    Again,
    /// Nothing: the device has gone.
    Gone,
    /// Another one as soon as something happens, or then.
    Wait(Option<std::time::Instant>),
}
