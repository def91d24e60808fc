//! The stack against the kernel's TCP over a link that loses and delays.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use sidestream_capture::{Kind, next_incoming};
use sidestream_capture_test::Family;
use sidestream_tunnel::{Settings, Tunnel};
use socket2::Type;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use crate::place::{Clients, SERVER_V4, enter};
use crate::shaped::{Carried, Profile, Shaped};

/// What is moved in each cell.
const LEN: usize = 1 << 20;
/// How many cells run at once.
const AT_ONCE: usize = 4;
/// How long a cell may take on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Down,
    Up,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    loss: u32,
    delay: Duration,
    buffer: usize,
    way: Way,
}

/// Every byte arrives in order, and little more is sent again than was lost; how fast that is
/// depends on the machine, and is only printed.
#[test]
fn all_arrives_over_a_link_that_loses_and_little_is_sent_twice() {
    if let Err(skip) = enter() {
        let name = "all_arrives_over_a_link_that_loses_and_little_is_sent_twice";
        return sidestream_testkit::skip(name, &skip.0);
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut told = String::from("loss delay    buffer way      Mbit/s     lost    again\n");
    let mut judged = String::from("loss delay    buffer way   arrives  sends little twice\n");
    runtime.block_on(async {
        let (mut running, turns) = (Vec::new(), Arc::new(Semaphore::new(AT_ONCE)));
        for (loss, delay, buffer) in grid() {
            for way in [Way::Down, Way::Up] {
                let cell = Cell { loss, delay, buffer, way };
                let turn = turns.clone();
                running.push((
                    cell,
                    tokio::spawn(async move {
                        let _turn = turn.acquire_owned().await.unwrap();
                        run(cell).await
                    }),
                ));
            }
        }
        for (cell, run) in running {
            let (rate, Carried { sent, lost }) = run.await.unwrap();
            let again = sent - LEN as u64;
            let Cell { loss, delay, buffer, way } = cell;
            let name = format!("{:>3}% {delay:>4?} {:>4} KiB {way:?}", loss / 10, buffer >> 10);
            let (lost_kib, again_kib) = (lost.div_ceil(1024), again.div_ceil(1024));
            writeln!(told, "{name:<24} {rate:>10.1} {lost_kib:>4} KiB {again_kib:>4} KiB").unwrap();
            // The end of a flight is asked for, and may be there already: a machine that is busy
            // looks like a link that is slow.
            let is_little = again <= 2 * lost + LEN as u64 / 4;
            writeln!(judged, "{name:<24} yes      {}", if is_little { "yes" } else { "no" })
                .unwrap();
        }
    });
    eprintln!("{told}");
    insta::assert_snapshot!(judged);
}

fn grid() -> impl Iterator<Item = (u32, Duration, usize)> {
    [0, 10, 50].into_iter().flat_map(|loss| {
        [2, 20].into_iter().flat_map(move |delay| {
            [64 << 10, 1 << 20].map(move |buffer| (loss, Duration::from_millis(delay), buffer))
        })
    })
}

/// Moves the bytes of one cell; returns Mbit/s, and what went over the link that way.
async fn run(cell: Cell) -> (f64, Carried) {
    let (clients, queue) = Clients::new(1500, false);
    let Cell { loss, delay, buffer, way } = cell;
    let profile = Profile { loss, delay, opens_at_once: true, ..Profile::default() };
    let (link, log) = Shaped::new(queue, profile, 42);
    let mut settings = Settings::new("tun", 7);
    settings.stack.max_buffer = buffer;
    let mut tunnel = Tunnel::start(Box::new(link), settings);
    let connecting = tokio::spawn(async move {
        let socket = clients.clone().socket(Family::V4, Type::STREAM).await.unwrap();
        let socket = TcpSocket::from_std_stream(socket.into());
        let server = format!("{SERVER_V4}:80").parse().unwrap();
        (socket.connect(server).await.unwrap(), clients)
    });
    let incoming = next_incoming(&mut tunnel).await.unwrap().unwrap();
    let Kind::Tcp(pending) = incoming.kind else { panic!("not a connection") };
    let server = pending.accept().await.unwrap();
    let (client, _clients) = connecting.await.unwrap();
    let began = Instant::now();
    let moved = match way {
        Way::Down => timeout(PATIENCE, carry(server, client)).await,
        Way::Up => timeout(PATIENCE, carry(client, server)).await,
    };
    moved.unwrap_or_else(|_| panic!("{cell:?} takes too long: {:?}", tunnel.counters()));
    let rate = LEN as f64 * 8.0 / began.elapsed().as_secs_f64() / 1e6;
    let carried = log.lock().unwrap()[usize::from(way == Way::Down)];
    (rate, carried)
}

pub(crate) async fn carry<A, B>(mut from: A, mut to: B)
where
    A: tokio::io::AsyncWrite + Unpin + Send + 'static,
    B: tokio::io::AsyncRead + Unpin,
{
    let sent: Vec<u8> = (0..LEN).map(|at| (at / 251 + at % 251) as u8).collect();
    let expected = sent.clone();
    let sending = tokio::spawn(async move {
        from.write_all(&sent).await.unwrap();
        from.shutdown().await.unwrap();
        from
    });
    let mut received = Vec::new();
    to.read_to_end(&mut received).await.unwrap();
    assert!(received == expected, "{} bytes came, other ones", received.len());
    drop(sending.await.unwrap());
}
