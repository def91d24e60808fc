//! What a peer sees of the other one, which has gone, and to which nothing can be written.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use sidestream_relay::{Ending, Ends, Relay, Which};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, timeout};

/// How long a peer may keep others waiting, and far longer.
const PATIENCE: Duration = Duration::from_secs(30);
const LONG: Duration = Duration::from_secs(3600);

/// An end that says something, and then nothing more.
struct End {
    says: Bytes,
    is: Is,
    resets: Arc<AtomicUsize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Is {
    /// What was said is there, and behind it an end: of the reset the first write has told.
    Gone,
    /// It takes all.
    Listening,
    /// It takes nothing.
    Stuck,
}

const ENDS: Ends<End> =
    Ends { socket: |_| None, reset: |end| _ = end.resets.fetch_add(1, Ordering::Relaxed) };

impl AsyncRead for End {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let says = std::mem::take(&mut self.says);
        buf.put_slice(&says);
        let waits = says.is_empty() && self.is != Is::Gone;
        if waits { Poll::Pending } else { Poll::Ready(Ok(())) }
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.is {
            Is::Gone => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Is::Listening => Poll::Ready(Ok(bytes.len())),
            Is::Stuck => Poll::Pending,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        unreachable!("a reset is no end")
    }
}

/// Relays between a client and a server that has gone; returns how long that took.
async fn relayed(client: Is) -> Duration {
    let resets = Arc::new(AtomicUsize::new(0));
    let end = |says: &'static [u8], is| End {
        says: Bytes::from_static(says),
        is,
        resets: Arc::clone(&resets),
    };
    let (client, server) = (end(b"a question", client), end(b"last words", Is::Gone));
    let mut relay = Relay::new(client, server, ENDS);
    let begin = Instant::now();
    let relayed = timeout(LONG, poll_fn(|cx| relay.poll_relayed(cx))).await.unwrap();
    assert_eq!((relayed.ending, relayed.from_b), (Ending::Reset(Which::B), 10));
    assert_eq!(resets.load(Ordering::Relaxed), 2);
    begin.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_does_not_keep_a_relay_whose_server_has_gone() {
    // It had its time to read the words that waited for it.
    let waited = relayed(Is::Stuck).await;
    assert!(waited >= PATIENCE && waited < PATIENCE + Duration::from_secs(1), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_behind_last_words_is_no_end() {
    assert!(relayed(Is::Listening).await < PATIENCE);
}
