//! A stage whose ends are streams that real clients and servers speak on.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, BytesMut};
use sidestream_flow::Peer;
use sidestream_proto::Input;
use sidestream_record::Event;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

use crate::translate::stage::Stage;

/// How much may wait for one side before the others are not read, as an engine has it.
const HIGH_WATER: usize = 64 * 1024;

/// One side of the machine.
struct Side {
    io: DuplexStream,
    queue: BytesMut,
    /// It sends no more.
    ended: bool,
    /// It takes no more.
    broken: bool,
}

/// What came from a side.
enum Came {
    Data(Vec<u8>),
    /// All that waited for it was written.
    Drained,
    End,
}

/// What came of it in the end.
pub(crate) struct Report {
    pub(crate) events: Vec<Event>,
    /// How many servers were opened.
    pub(crate) servers: usize,
    /// The most that waited for one side to take it.
    pub(crate) most_queued: usize,
}

/// Runs the machine between a client, and the servers that `serve` starts, until it is done or
/// the client has gone.
pub(crate) async fn run(
    mut stage: Stage,
    client: DuplexStream,
    mut serve: impl FnMut(DuplexStream),
) -> Report {
    let mut sides = BTreeMap::from([(Peer::Client, Side::new(client))]);
    let mut most_queued = 0;
    loop {
        stage.settle();
        for peer in stage.peers() {
            let side = sides.entry(peer).or_insert_with(|| {
                let (ours, theirs) = duplex(16 * 1024);
                serve(theirs);
                Side::new(ours)
            });
            side.queue.extend_from_slice(&stage.heard(peer));
            most_queued = most_queued.max(side.queue.len());
            if stage.aborted.contains(&peer) {
                (side.ended, side.broken) = (true, true);
                side.io = duplex(1).0;
            }
        }
        let gone = sides.get(&Peer::Client).is_some_and(|side| side.ended);
        if stage.play.done || gone && sides[&Peer::Client].queue.is_empty() {
            let events = stage.events().to_vec();
            return Report { events, servers: stage.servers.len(), most_queued };
        }
        let (peer, came) = poll_fn(|cx| poll(&stage, &mut sides, cx)).await;
        match came {
            Came::Data(bytes) => stage.say(peer, bytes),
            Came::Drained => stage.play.quiet_input(Input::Drained(peer)),
            Came::End => stage.close(peer),
        }
    }
}

/// Writes what waits, and reads from whoever may be read.
fn poll(
    stage: &Stage,
    sides: &mut BTreeMap<Peer, Side>,
    cx: &mut Context<'_>,
) -> Poll<(Peer, Came)> {
    let paces = stage.play.conn.paces();
    for (peer, side) in sides.iter_mut() {
        if side.poll_write(cx) && paces && *peer != Peer::Client {
            return Poll::Ready((*peer, Came::Drained));
        }
    }
    let queued = |peer: Peer| sides.get(&peer).map_or(0, |side| side.queue.len());
    let for_servers: usize =
        sides.keys().filter(|peer| **peer != Peer::Client).map(|peer| queued(*peer)).sum();
    let for_client = queued(Peer::Client);
    for (peer, side) in sides {
        let for_servers = if paces { 0 } else { for_servers };
        let waiting = if *peer == Peer::Client { for_servers } else { for_client };
        if side.ended || waiting >= HIGH_WATER || !stage.play.conn.wants(*peer) {
            continue;
        }
        let mut bytes = vec![0; 8 * 1024];
        let mut buf = ReadBuf::new(&mut bytes);
        if let Poll::Ready(read) = Pin::new(&mut side.io).poll_read(cx, &mut buf) {
            let count = buf.filled().len();
            bytes.truncate(count);
            side.ended = read.is_err() || count == 0;
            return Poll::Ready((*peer, if count > 0 { Came::Data(bytes) } else { Came::End }));
        }
    }
    Poll::Pending
}

impl Side {
    fn new(io: DuplexStream) -> Self {
        Self { io, queue: BytesMut::new(), ended: false, broken: false }
    }

    /// Writes, and returns whether all that waited was written by it.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> bool {
        let waits = !self.queue.is_empty();
        while !self.queue.is_empty() {
            if self.broken {
                self.queue.clear();
                return false;
            }
            match Pin::new(&mut self.io).poll_write(cx, &self.queue) {
                Poll::Ready(Ok(count)) => self.queue.advance(count),
                Poll::Ready(Err(_)) => self.broken = true,
                Poll::Pending => return false,
            }
        }
        waits
    }
}
