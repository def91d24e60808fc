//! What relays hold that have nothing to do.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use sidestream_relay::Relay;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::lab::{LINKS, Link, pair, within};

/// Holds one relay over: those of both directions, and no buffer.
const MAX_BYTES: u64 = 1024;

#[test]
fn an_idle_relay_holds_no_buffer() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let ((mut client, a), (b, mut server)) = (pair().await, pair().await);
        let mut relay = None;
        let held = allocation_counter::measure(|| {
            relay = Some(Relay::new(Link::Opaque(a), Link::Opaque(b), LINKS));
            let relay = relay.as_mut().unwrap();
            poll_once(relay);
        });
        assert!(held.bytes_current <= MAX_BYTES as i64, "{held:?}");
        let mut relay = relay.unwrap();
        let mut received = vec![0; 200_000];
        let sent = vec![0; 200_000];
        within(async {
            tokio::select! {
                _ = std::future::poll_fn(|cx| relay.poll_relayed(cx)) => panic!("nobody has ended"),
                (written, read) = async {
                    tokio::join!(client.write_all(&sent), server.read_exact(&mut received))
                } => { written.unwrap(); read.unwrap(); }
            }
        })
        .await;
        let after = allocation_counter::measure(|| poll_once(&mut relay));
        assert_eq!(after.bytes_current, 0, "what it held was let go of before: {after:?}");
    });
}

fn poll_once(relay: &mut Relay<Link>) {
    let mut cx = Context::from_waker(Waker::noop());
    let relaying = pin!(std::future::poll_fn(|cx| relay.poll_relayed(cx)));
    assert!(matches!(relaying.poll(&mut cx), Poll::Pending));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn many_relays_that_have_spliced_and_are_idle_hold_few_pipes() {
    use crate::lab::{Ground, Lab};
    const RELAYS: usize = 60;
    let mut labs = Vec::new();
    for _ in 0..RELAYS {
        let mut lab = Lab::on(Ground::Sockets).await;
        let sent = vec![0; 300_000];
        let mut received = vec![0; 300_000];
        let passing = async {
            tokio::join!(lab.client.write_all(&sent), lab.server.read_exact(&mut received))
        };
        let (written, read) = within(passing).await;
        written.unwrap();
        read.unwrap();
        labs.push(lab);
    }
    tokio::task::yield_now().await;
    let links = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
    let pipes = links.filter(|link| link.to_string_lossy().starts_with("pipe:")).count();
    // Both ends of those in the pool, and of those that other tests use meanwhile.
    assert!(pipes < RELAYS, "{pipes} ends of pipes for {RELAYS} relays");
}
