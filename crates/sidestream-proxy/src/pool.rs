//! Connections with servers that flows have left, for others to go on with.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use sidestream_capture::{Egress, FlowInfo, Target};
use sidestream_flow::FlowId;
use sidestream_proto::{Kept, Spoken};
use tokio::time::sleep;

use crate::clock;
use crate::side::{Came, Side};

/// How long a connection is kept: servers close idle ones, and a request that crosses that is
/// lost.
const IDLE: Duration = Duration::from_secs(15);

/// How many are kept in all.
const MAX_IDLE: usize = 256;

/// How many are kept of one place.
const MAX_IDLE_PER_PLACE: usize = 16;

/// Where a connection leads, and how: flows of which this is equal reach the same server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    via: &'static str,
    egress: Egress,
    /// The address that it leaves from, where that is the client's own.
    source: Option<IpAddr>,
    target: Target,
    by_http: bool,
}

impl Place {
    pub(crate) fn of(info: &FlowInfo, target: Target, by_http: bool) -> Self {
        let FlowInfo { via, egress, ref key, .. } = *info;
        // What an egress means only its driver knows; the client's address may be part of it.
        let source = (egress != Egress::default()).then(|| key.client.ip());
        Self { via, egress, source, target, by_http }
    }
}

struct Idle {
    kept: Box<Kept>,
    side: Side,
    by: FlowId,
    until: Instant,
}

#[derive(Default)]
struct Idles {
    places: HashMap<Place, Vec<Idle>>,
    count: usize,
    /// A task sees to it that they are closed in time.
    watched: bool,
}

/// Connections that flows have left.
#[derive(Default)]
pub(crate) struct Pool(Arc<Mutex<Idles>>);

impl Pool {
    /// Returns whether any is there that leads to that place.
    pub(crate) fn has(&self, place: &Place) -> bool {
        let now = clock::now();
        let idles = lock(&self.0);
        let there = idles.places.get(place).and_then(|idles| idles.last());
        there.is_some_and(|idle| now < idle.until)
    }

    /// Takes one that leads to that place, and on which that is spoken, and with it the flow that
    /// left it.
    pub(crate) fn take(&self, place: &Place, spoken: &Spoken) -> Option<(Box<Kept>, Side, FlowId)> {
        let now = clock::now();
        loop {
            let Idle { mut kept, mut side, by, until } = lock(&self.0).take(place, spoken)?;
            if now < until && is_usable(&mut kept, &mut side) {
                return Some((kept, side, by));
            }
            close(kept, side);
        }
    }

    /// Keeps a connection that a flow leaves.
    pub(crate) fn put(&self, place: Place, kept: Box<Kept>, side: Side, by: FlowId) {
        let mut idles = lock(&self.0);
        let is_full = idles.count >= MAX_IDLE
            || idles.places.get(&place).is_some_and(|there| there.len() >= MAX_IDLE_PER_PLACE);
        if is_full || !side.is_idle() {
            drop(idles);
            return close(kept, side);
        }
        let until = clock::now() + IDLE;
        idles.places.entry(place).or_default().push(Idle { kept, side, by, until });
        idles.count += 1;
        if !std::mem::replace(&mut idles.watched, true) {
            tokio::spawn(watch(Arc::downgrade(&self.0)));
        }
    }
}

impl Idles {
    fn take(&mut self, place: &Place, spoken: &Spoken) -> Option<Idle> {
        let there = self.places.get_mut(place)?;
        // The one that was used last is the least likely to be closed.
        let at = there.iter().rposition(|idle| idle.kept.spoken == *spoken)?;
        let idle = there.remove(at);
        if there.is_empty() {
            self.places.remove(place);
        }
        self.count -= 1;
        Some(idle)
    }

    fn take_late(&mut self, now: Instant) -> Vec<Idle> {
        let mut late = Vec::new();
        self.places.retain(|_, there| {
            late.extend(there.extract_if(.., |idle| idle.until <= now));
            !there.is_empty()
        });
        self.count -= late.len();
        late
    }
}

/// Closes connections in time, until none is left.
async fn watch(idles: Weak<Mutex<Idles>>) {
    loop {
        sleep(IDLE).await;
        let Some(idles) = idles.upgrade() else { return };
        let (late, goes_on) = {
            let mut idles = lock(&idles);
            let late = idles.take_late(clock::now());
            idles.watched = idles.count > 0;
            (late, idles.watched)
        };
        for Idle { kept, side, .. } in late {
            close(kept, side);
        }
        if !goes_on {
            return;
        }
    }
}

/// Returns whether a server has said nothing since, and not ended either.
fn is_usable(kept: &mut Kept, side: &mut Side) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        match side.poll_read(&mut cx) {
            Poll::Pending => return true,
            Poll::Ready(Came::Data(bytes)) => {
                if !kept.feed(bytes) {
                    return false;
                }
            }
            Poll::Ready(Came::Broken | Came::Eof) => return false,
        }
    }
}

/// Closes a connection; whoever does not take at once what is said then has closed it as well.
fn close(kept: Box<Kept>, mut side: Side) {
    let last = kept.close();
    if !last.is_empty() {
        side.push(last);
    }
    side.shutdown();
    _ = side.poll_write(&mut Context::from_waker(Waker::noop()));
}

fn lock(idles: &Mutex<Idles>) -> MutexGuard<'_, Idles> {
    idles.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use rustls::crypto::aws_lc_rs::default_provider;
    use sidestream_flow::{FlowKey, Ids, Peer, Transport};
    use sidestream_proto::hooks::ConnectFate;
    use sidestream_proto::tls::{Downstream, Upstream};
    use sidestream_proto::{Config, Conn, Connections, Input, Output, PassRules, Start};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::{advance, pause};

    use super::*;

    /// Lets a machine come to what it leaves of a connection.
    fn kept() -> Box<Kept> {
        let provider = Arc::new(default_provider());
        let upstream = Upstream::trusting_nobody(Arc::clone(&provider));
        let connections = Connections { lazy: false, shared: true };
        let config = Config { connections, ..Config::new(upstream, Downstream::new(provider)) };
        let addr = SocketAddr::from(([192, 0, 2, 1], 80));
        let key = FlowKey { transport: Transport::Tcp, client: addr, server: addr };
        let (pass, fate) = (PassRules::default(), ConnectFate::GoOn);
        let start = Start { key, named: false, host: None, ids: Ids::default(), pass, fate };
        let mut conn = Conn::new(Arc::new(config), start, clock::now());
        let [client, server] = [Peer::Client, Peer::Server(0)];
        for input in [
            Input::Opened { server: 0, addr },
            Input::Data(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n".into()),
            Input::Data(server, "HTTP/1.1 204 No\r\n\r\n".into()),
            Input::Eof(client),
        ] {
            conn.handle_input(input, clock::now());
        }
        loop {
            match conn.poll_output() {
                Output::Keep { kept, .. } => return kept,
                Output::Done => panic!("nothing was left"),
                _ => {}
            }
        }
    }

    fn place(port: u16) -> Place {
        let target = Target::Name("a.test".into(), port);
        let (egress, source, by_http) = (Egress::default(), None, false);
        Place { via: "run", egress, source, target, by_http }
    }

    /// A connection, and its server's end.
    async fn connect() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (stream, listener.accept().await.unwrap().0)
    }

    async fn put(pool: &Pool, port: u16) -> TcpStream {
        let (stream, server) = connect().await;
        pool.put(place(port), kept(), Side::new(Box::new(stream)), FlowId(1));
        server
    }

    /// Waits until the server sees the end.
    async fn ends(mut server: TcpStream) {
        assert_eq!(server.read(&mut [0]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn more_of_a_place_or_in_all_than_are_kept_are_closed() {
        let pool = Pool::default();
        let mut servers = Vec::new();
        for place in 0..MAX_IDLE / MAX_IDLE_PER_PLACE {
            for _ in 0..MAX_IDLE_PER_PLACE {
                servers.push(put(&pool, place as u16).await);
            }
            ends(put(&pool, place as u16).await).await;
        }
        ends(put(&pool, u16::MAX).await).await;
        assert_eq!(lock(&pool.0).count, MAX_IDLE);
        assert!(pool.has(&place(0)) && !pool.has(&place(u16::MAX)));
    }

    #[tokio::test]
    async fn nothing_is_kept_for_long() {
        let pool = Pool::default();
        let server = put(&pool, 1).await;
        pause();
        advance(IDLE + Duration::from_secs(1)).await;
        assert!(!pool.has(&place(1)));
        ends(server).await;
        assert_eq!(lock(&pool.0).count, 0);
    }

    #[tokio::test]
    async fn what_its_server_has_ended_or_used_is_not_taken() {
        let pool = Pool::default();
        let spoken = kept().spoken.clone();
        let _fine = put(&pool, 1).await;
        for last in [&b"HTTP/1.1 408 Timeout\r\n\r\n"[..], b""] {
            let (stream, mut server) = connect().await;
            server.write_all(last).await.unwrap();
            drop(server);
            stream.readable().await.unwrap();
            pool.put(place(1), kept(), Side::new(Box::new(stream)), FlowId(1));
        }
        assert!(pool.take(&place(1), &spoken).is_some());
        assert!(pool.take(&place(1), &spoken).is_none());
    }
}
