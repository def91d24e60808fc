//! Datagrams in memory.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use sidestream_capture::Association;
use tokio::time::{Instant, Sleep, sleep_until};

use super::way::Way;

/// One end of an association.
pub(super) struct Mail {
    inbound: Arc<Post>,
    outbound: Arc<Post>,
    sleep: Pin<Box<Sleep>>,
    /// Its end is the association's; that of the other is not seen, as with sockets.
    is_opener: bool,
}

/// One direction of an association.
struct Post(Mutex<Inner>);

struct Inner {
    way: Way,
    /// By arrival, and of those that arrive at once by the order of sending.
    queue: BTreeMap<(Instant, u64), Content>,
    sent: u64,
    reader: Option<Waker>,
    /// The opener is gone.
    is_over: bool,
    /// Where it goes, nobody listens.
    is_refused: bool,
}

enum Content {
    Datagram(Bytes),
    /// The other host says that nobody listens.
    Refusal,
}

/// Makes an association: the end of whoever began it, and the other.
pub(super) fn mail([out, back]: [Way; 2]) -> (Mail, Mail) {
    let (out, back) = (Post::new(out), Post::new(back));
    let end = |inbound: &Arc<Post>, outbound: &Arc<Post>, is_opener| Mail {
        inbound: Arc::clone(inbound),
        outbound: Arc::clone(outbound),
        sleep: Box::pin(sleep_until(Instant::now())),
        is_opener,
    };
    (end(&back, &out, true), end(&out, &back, false))
}

impl Post {
    fn new(way: Way) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Inner {
            way,
            queue: BTreeMap::new(),
            sent: 0,
            reader: None,
            is_over: false,
            is_refused: false,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn push(&mut self, at: Instant, content: Content) {
        self.sent += 1;
        self.queue.insert((at, self.sent), content);
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

impl Association for Mail {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        let mut post = self.inbound.lock();
        let Some(first) = post.queue.first_entry() else {
            if post.is_over {
                return Poll::Ready(Ok(None));
            }
            post.reader = Some(cx.waker().clone());
            return Poll::Pending;
        };
        let (at, _) = *first.key();
        if at <= Instant::now() {
            return Poll::Ready(match first.remove() {
                Content::Datagram(bytes) => Ok(Some(bytes)),
                Content::Refusal => Err(ErrorKind::ConnectionRefused.into()),
            });
        }
        // One that comes later may arrive sooner.
        post.reader = Some(cx.waker().clone());
        self.sleep.as_mut().reset(at);
        if self.sleep.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn poll_send(&mut self, _: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<()>> {
        let mut post = self.outbound.lock();
        let arrivals = post.way.datagram(datagram.len());
        for at in arrivals {
            if post.is_refused {
                let mut back = self.inbound.lock();
                let answers = back.way.datagram(datagram.len());
                let under_way = at.duration_since(Instant::now());
                answers
                    .into_iter()
                    .for_each(|back_at| back.push(back_at + under_way, Content::Refusal));
            } else {
                post.push(at, Content::Datagram(Bytes::copy_from_slice(datagram)));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Mail {
    fn drop(&mut self) {
        if self.is_opener {
            let mut outbound = self.outbound.lock();
            outbound.is_over = true;
            outbound.wake();
        }
        // Whoever sends here after that is told, as by a kernel.
        self.inbound.lock().is_refused = true;
    }
}
