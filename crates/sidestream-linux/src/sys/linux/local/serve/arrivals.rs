//! What comes to the listeners.

use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tracing::{debug, warn};

use super::super::listen::{Listeners, Pair};
use super::engine::Engine;
use crate::sys::imp::raw;
use crate::sys::imp::sockets::Datagram;

/// How much is taken from one listener before others have their turn.
const BATCH: usize = 64;

/// After that long without lack, it is told again that no more can be taken.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// The longest datagram.
const MAX_DATAGRAM: usize = 65_536;

/// The listeners, which can be waited for.
#[derive(Debug)]
pub(super) struct Arrivals<'a> {
    doors: Vec<Door<'a>>,
    /// Where to look first: nobody waits for ever behind another one.
    next: usize,
    /// When it was told that no more can be taken.
    told_at: Option<Instant>,
    buf: Box<[u8]>,
}

#[derive(Debug)]
struct Door<'a> {
    pair: &'a Pair,
    is_v6: bool,
    kind: Kind,
    ready: AsyncFd<BorrowedFd<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Tcp,
    Udp,
}

impl<'a> Arrivals<'a> {
    /// Waits for listeners within the current runtime.
    pub(super) fn new(listeners: &'a Listeners) -> io::Result<Self> {
        let mut doors = Vec::new();
        let pairs = std::iter::once((&listeners.v4, false));
        for (pair, is_v6) in pairs.chain(listeners.v6.iter().map(|pair| (pair, true))) {
            for (kind, fd) in [(Kind::Tcp, pair.tcp.as_fd()), (Kind::Udp, pair.udp.as_fd())] {
                // SAFETY: the listeners are borrowed, and keep their descriptors meanwhile.
                let ready = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }?;
                doors.push(Door { pair, is_v6, kind, ready });
            }
        }
        Ok(Self { doors, next: 0, told_at: None, buf: vec![0; MAX_DATAGRAM].into_boxed_slice() })
    }

    /// Waits until something has come.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub(super) async fn ready(&mut self) -> io::Result<()> {
        let count = self.doors.len();
        let ready = poll_fn(|cx| {
            for index in (0..count).map(|index| (self.next + index) % count) {
                match self.doors[index].ready.poll_read_ready(cx) {
                    Poll::Ready(Ok(_stays_ready)) => return Poll::Ready(Ok(index)),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => {}
                }
            }
            Poll::Pending
        });
        self.next = ready.await?;
        Ok(())
    }

    /// Takes what has come to the listener that was ready.
    ///
    /// Whenever something was taken, `catch_up` has the engine take what the kernel told until
    /// then: a process may have been made after all that was told before.
    pub(super) fn take(&mut self, engine: &mut Engine, mut catch_up: impl FnMut(&mut Engine)) {
        let now = Instant::now();
        for _ in 0..BATCH {
            let taken = match self.doors[self.next].kind {
                Kind::Tcp => accept(&self.doors[self.next], engine).map(|(stream, client)| {
                    catch_up(engine);
                    engine.handle_connection(stream, client);
                }),
                Kind::Udp => {
                    receive(&self.doors[self.next], &mut self.buf, engine, &mut catch_up, now)
                }
            };
            match taken {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    if self.fail(&error, engine, now) {
                        break;
                    }
                }
            }
        }
        self.next = (self.next + 1) % self.doors.len();
    }

    /// Takes what has come to listeners in other network namespaces; `catch_up` is as in
    /// [`take`](Self::take).
    pub(super) fn take_elsewhere(
        &mut self,
        engine: &mut Engine,
        mut catch_up: impl FnMut(&mut Engine),
    ) {
        let now = Instant::now();
        for coming in engine.nets.found() {
            let Some(listeners) = engine.nets.listeners(coming.net) else { continue };
            let Some(pair) = coming.pair(&listeners) else { continue };
            for _ in 0..BATCH {
                let taken = if coming.is_udp {
                    receive_from(pair, &mut self.buf, engine, &mut catch_up, now)
                } else {
                    pair.tcp.accept().map(|(stream, client)| {
                        catch_up(engine);
                        engine.handle_connection(stream, client);
                    })
                };
                match taken {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) if self.fail(&error, engine, now) => return,
                    Err(_of_one) => {}
                }
            }
        }
    }

    /// Corrects how many connections wait, as none does.
    ///
    /// Those of all network namespaces are counted together, so one empty listener does not tell.
    pub(super) fn settle(&mut self, engine: &mut Engine) {
        if engine.nets.is_empty() {
            return;
        }
        for is_v6 in [false, true] {
            let come = engine.hooks.diverted(is_v6);
            let mut own = self.doors.iter().filter(|it| it.is_v6 == is_v6 && it.kind == Kind::Tcp);
            if own.all(|door| !waits(&door.pair.tcp)) && !engine.nets.waits() {
                engine.hooks.none_waits(is_v6, come);
            }
        }
    }

    /// Takes all datagrams, so that nothing is left of an association that is to end; tells
    /// whether that was all. `catch_up` is as in [`take`](Self::take).
    pub(super) fn take_datagrams(
        &mut self,
        engine: &mut Engine,
        mut catch_up: impl FnMut(&mut Engine),
    ) -> bool {
        // What has come elsewhere, as far as one look tells.
        if engine.nets.waits() {
            self.take_elsewhere(engine, &mut catch_up);
        }
        let (now, buf) = (Instant::now(), &mut self.buf);
        let mut doors = self.doors.iter().filter(|door| door.kind == Kind::Udp);
        doors
            .all(|door| (0..BATCH).any(|_| receive(door, buf, engine, &mut catch_up, now).is_err()))
    }

    /// Tells whether no more can be taken for now.
    fn fail(&mut self, error: &io::Error, engine: &mut Engine, now: Instant) -> bool {
        match error.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => {
                if self.told_at.is_none_or(|told_at| now.duration_since(told_at) > TELL_AGAIN) {
                    warn!("connections wait: {error}; raise the limit on open files (ulimit -n)");
                }
                self.told_at = Some(now);
                engine.rest(now);
                true
            }
            // A connection that ended before it was accepted, and the like.
            _ => {
                debug!(%error, "nothing accepted");
                false
            }
        }
    }
}

fn accept(door: &Door<'_>, engine: &Engine) -> io::Result<(TcpStream, SocketAddr)> {
    let come = engine.hooks.diverted(door.is_v6);
    let accepted = door.ready.try_io(Interest::READABLE, |_| door.pair.tcp.accept());
    let is_empty = accepted.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
    if is_empty && engine.nets.is_empty() {
        engine.hooks.none_waits(door.is_v6, come);
    }
    accepted
}

fn receive(
    door: &Door<'_>,
    buf: &mut [u8],
    engine: &mut Engine,
    catch_up: &mut impl FnMut(&mut Engine),
    now: Instant,
) -> io::Result<()> {
    let datagram = door.ready.try_io(Interest::READABLE, |_| door.pair.receive(buf))?;
    handle(datagram, buf, engine, catch_up, now)
}

/// The same for a listener that is known to be ready.
fn receive_from(
    pair: &Pair,
    buf: &mut [u8],
    engine: &mut Engine,
    catch_up: &mut impl FnMut(&mut Engine),
    now: Instant,
) -> io::Result<()> {
    let datagram = pair.receive(buf)?;
    handle(datagram, buf, engine, catch_up, now)
}

fn handle(
    datagram: Datagram,
    buf: &[u8],
    engine: &mut Engine,
    catch_up: &mut impl FnMut(&mut Engine),
    now: Instant,
) -> io::Result<()> {
    let Some(fake) = datagram.to else { return Ok(()) };
    let payload = buf.get(..datagram.len).unwrap_or_default();
    catch_up(engine);
    engine.handle_datagram(datagram.from, fake, payload, now)
}

/// Tells whether a connection waits at a listener.
fn waits(listener: &TcpListener) -> bool {
    let mut fds = [libc::pollfd { fd: listener.as_raw_fd(), events: libc::POLLIN, revents: 0 }];
    // Whatever goes wrong, nothing is corrected.
    raw::poll(&mut fds, 0).map_or(true, |count| count > 0)
}
