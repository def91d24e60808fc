//! A peer that takes nothing, while the other one has gone.

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
    /// Whether it is gone, or there and reading nothing.
    is_broken: bool,
    resets: Arc<AtomicUsize>,
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
        if says.is_empty() { Poll::Pending } else { Poll::Ready(Ok(())) }
    }
}

impl AsyncWrite for End {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        match self.is_broken {
            true => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            false => Poll::Pending,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_does_not_keep_a_relay_whose_server_has_gone() {
    let resets = Arc::new(AtomicUsize::new(0));
    let end = |says: &'static [u8], is_broken| End {
        says: Bytes::from_static(says),
        is_broken,
        resets: Arc::clone(&resets),
    };
    let (client, server) = (end(b"a question", false), end(b"last words", true));
    let mut relay = Relay::new(client, server, ENDS);
    let begin = Instant::now();
    let relayed = timeout(LONG, poll_fn(|cx| relay.poll_relayed(cx))).await.unwrap();
    assert_eq!(relayed.ending, Ending::Reset(Which::B));
    assert_eq!(relayed.from_b, 10);
    // The client had its time to read the words that waited for it.
    let waited = begin.elapsed();
    assert!(waited >= PATIENCE && waited < PATIENCE + Duration::from_secs(1), "{waited:?}");
    assert_eq!(resets.load(Ordering::Relaxed), 2);
}
