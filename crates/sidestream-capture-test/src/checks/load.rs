//! Much: bytes, flows, and what waits for those who do not read.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sidestream_testkit::skip;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::bed::{Bed, pattern};
use crate::unserved::{Taken, Unserved};
use crate::{Config, Connected, Family, Ground};

/// Not a power of two, so that blocks and buffers do not line up.
const BLOCK: usize = 131_071;

/// A writer that gets nothing away for so long has filled everything there is.
const STALL: Duration = Duration::from_millis(500);

/// File descriptors that one flow may take in the test's process: the client's, the driver's,
/// the one dialled, the one that the server accepted.
const DESCRIPTORS: usize = 4;

/// File descriptors that are left to everything else, other tests of the process included.
const OTHERS: usize = 200;

/// A transfer of [`Config::transfer_bytes`] comes through unchanged, both ways at once.
///
/// # Panics
///
/// When the driver does otherwise.
pub async fn carries_a_large_transfer_unchanged(ground: &mut dyn Ground, config: &Config) {
    let bed = Bed::new(ground, config);
    let (client, server) = bed.pair(Family::V4).await;
    let (client_reads, client_writes) = tokio::io::split(client.stream);
    let (server_reads, server_writes) = server.into_split();
    let (len, patience) = (config.transfer_bytes, config.patience);
    let mut halves = JoinSet::new();
    halves.spawn(write_blocks("to the server", client_writes, len, patience));
    halves.spawn(write_blocks("to the client", server_writes, len, patience));
    halves.spawn(read_blocks("to the server", server_reads, len, patience));
    halves.spawn(read_blocks("to the client", client_reads, len, patience));
    // All of them, for the first to fail may only be the consequence of another.
    let halves = halves.join_all().await;
    let failures: Vec<String> = halves.into_iter().filter_map(Result::err).collect();
    if !failures.is_empty() {
        bed.fail(&failures.join("; "));
    }
}

/// Writes blocks that carry their number, and then the end.
async fn write_blocks(
    way: &str,
    mut writer: impl AsyncWrite + Unpin,
    len: u64,
    patience: Duration,
) -> Result<(), String> {
    let mut block = pattern(len, BLOCK);
    for (number, size) in blocks(len) {
        block[..8].copy_from_slice(&number.to_be_bytes());
        timed(patience, writer.write_all(&block[..size]))
            .await
            .map_err(|error| format!("cannot write block {number} {way}: {error}"))?;
    }
    timed(patience, writer.shutdown()).await.map_err(|error| format!("cannot end {way}: {error}"))
}

async fn read_blocks(
    way: &str,
    mut reader: impl AsyncRead + Unpin,
    len: u64,
    patience: Duration,
) -> Result<(), String> {
    let (mut block, mut read) = (pattern(len, BLOCK), vec![0; BLOCK]);
    for (number, size) in blocks(len) {
        block[..8].copy_from_slice(&number.to_be_bytes());
        timed(patience, reader.read_exact(&mut read[..size]))
            .await
            .map_err(|error| format!("cannot read block {number} {way}: {error}"))?;
        if read[..size] != block[..size] {
            return Err(format!("block {number} {way} is not what was written"));
        }
    }
    match timed(patience, reader.read(&mut read)).await {
        Ok(0) => Ok(()),
        Ok(more) => Err(format!("{more} bytes too many came {way}")),
        Err(error) => Err(format!("the end did not come {way}: {error}")),
    }
}

/// The numbers and sizes of blocks; the last may be smaller, and takes at least its number.
fn blocks(len: u64) -> impl Iterator<Item = (u64, usize)> {
    let block = BLOCK as u64;
    (0..len.div_ceil(block)).map(move |number| {
        let rest = (len - number * block).clamp(8, block);
        (number, usize::try_from(rest).unwrap_or(BLOCK))
    })
}

async fn timed<T>(patience: Duration, io: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(patience, io).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Makes [`Config::flows`] flows, all open before the first ends, and keeps them apart. Where
/// the limit of open files is too low for that, fewer are open at once, and a skip says so.
///
/// # Panics
///
/// When the driver does otherwise.
pub async fn carries_many_flows_at_once(ground: &mut dyn Ground, config: &Config) {
    let bed = Bed::new(ground, config);
    let (listener, server) = bed.listen(Family::V4);
    let serving = tokio::spawn(serve_echo(listener));
    let at_once = at_once(config.flows);
    for first in (0..config.flows).step_by(at_once) {
        let window = at_once.min(config.flows - first);
        let all_open = Arc::new(Barrier::new(window));
        let mut clients = JoinSet::new();
        for number in first..first + window {
            let connecting = bed.ground.connect(server);
            let all_open = Arc::clone(&all_open);
            clients.spawn(async move {
                let client = connecting.await;
                all_open.wait().await;
                exchange(client, number as u64).await.map_err(|error| (number, error))
            });
        }
        while let Some(client) = bed.within("a flow of many", clients.join_next()).await {
            if let Err((number, error)) = client.expect("no client panics") {
                bed.fail(&format!("flow {number} of {}: {error}", config.flows));
            }
        }
    }
    serving.abort();
    let flows = bed.relay.flows();
    assert_eq!(flows.len(), config.flows, "every connection is one flow");
}

/// Writes some bytes of its own and reads them back from a server that echoes.
pub(super) async fn exchange(client: io::Result<Connected>, seed: u64) -> Result<(), String> {
    let mut client = client.map_err(|error| format!("cannot connect: {error}"))?;
    let (bytes, mut echoed) = (pattern(seed, 4_096), Vec::new());
    let written = client.stream.write_all(&bytes).await;
    written.map_err(|error| format!("cannot write: {error}"))?;
    client.stream.shutdown().await.map_err(|error| format!("cannot end: {error}"))?;
    let read = client.stream.read_to_end(&mut echoed).await;
    let read =
        read.map_err(|error| format!("cannot read on after {} bytes: {error}", echoed.len()))?;
    if echoed == bytes { Ok(()) } else { Err(format!("got {read} bytes that are not its own")) }
}

pub(super) async fn serve_echo(listener: TcpListener) {
    let mut connections = JoinSet::new();
    while let Ok((mut stream, _from)) = listener.accept().await {
        connections.spawn(async move {
            let (mut reads, mut writes) = stream.split();
            tokio::io::copy(&mut reads, &mut writes).await?;
            writes.shutdown().await
        });
    }
}

/// How many of the flows the limit of open files allows at once.
fn at_once(flows: usize) -> usize {
    // Only Linux tells without a system call of our own; elsewhere it is tried.
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let Some(limit) = limit.and_then(|rest| rest.split_whitespace().next()?.parse().ok()) else {
        return flows.max(1);
    };
    let allowed = usize::saturating_sub(limit, OTHERS) / DESCRIPTORS;
    if allowed < flows {
        let reason = format!(
            "the limit of {limit} open files allows {allowed} of {flows} flows at once; \
             raise it with ulimit -n"
        );
        skip("carries_many_flows_at_once", &reason);
    }
    allowed.min(flows).max(1)
}

/// Who does not read stops the other side within [`Config::waiting_bytes`], holds up no other
/// flow, and gets every byte in the end.
///
/// # Panics
///
/// When the driver does otherwise.
pub async fn bounds_what_waits_for_a_slow_reader(ground: &mut dyn Ground, config: &Config) {
    let mut unserved = Unserved::new(ground, config).await;
    for way in ["to the server", "to the client"] {
        let Taken { client, stream, .. } = unserved.take().await;
        let (writer, reader) = match way {
            "to the server" => (client.stream, stream),
            _ => (stream, client.stream),
        };
        stall(&mut unserved, way, writer, reader).await;
    }
}

async fn stall(
    unserved: &mut Unserved<'_>,
    way: &str,
    mut writer: impl AsyncWrite + Unpin + Send + 'static,
    mut reader: impl AsyncRead + Unpin,
) {
    let (block, mut sent) = (pattern(11, BLOCK), 0);
    loop {
        let rest = &block[sent % BLOCK..];
        match tokio::time::timeout(STALL, writer.write(rest)).await {
            Err(_stalled) => break,
            Ok(written) => sent += written.expect("a slow reader is no error"),
        }
        let limit = unserved.config.waiting_bytes;
        assert!(sent as u64 <= limit, "{sent} bytes wait {way} for a reader that does not read");
    }

    let Taken { client: mut other, stream: mut other_stream, .. } = unserved.take().await;
    let mut byte = [0];
    let hop = async {
        other.stream.write_all(b"a").await?;
        other_stream.read_exact(&mut byte).await?;
        other_stream.write_all(b"b").await?;
        other.stream.read_exact(&mut byte).await
    };
    let hop =
        unserved.patience.within(&format!("another flow beside one stalled {way}"), hop).await;
    hop.expect("another flow goes on");

    let ending = tokio::spawn(async move { writer.shutdown().await.map(|()| writer) });
    let (mut read, mut got) = (vec![0; BLOCK], 0);
    loop {
        let room = BLOCK - got % BLOCK;
        let late = reader.read(&mut read[..room]);
        let n = unserved.patience.within(&format!("reading late {way}"), late).await;
        let n = n.expect("late is no error");
        if n == 0 {
            break;
        }
        let expected = &block[got % BLOCK..][..n];
        assert!(read[..n] == *expected, "bytes that waited {way} came changed, near number {got}");
        got += n;
    }
    assert_eq!(got, sent, "bytes that were written {way} and read late");
    ending.await.expect("ending does not panic").expect("a slow reader is no error");
}
