//! Whatever is sent, however it is cut, arrives as it was.

use proptest::prelude::*;
use sidestream_relay::Ending;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::lab::{Ground, Lab, within};

/// Bytes that show where they were cut, lost or swapped.
fn pattern(len: usize, seed: u8) -> Vec<u8> {
    let mut state = u32::from(seed) | 0x100;
    let step = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len).map(step).collect()
}

/// Sends chunks, ends, and reads until the other one has ended.
async fn speak(stream: &mut TcpStream, chunks: &[Vec<u8>]) -> Vec<u8> {
    let (mut reader, mut writer) = stream.split();
    let send = async {
        for chunk in chunks {
            writer.write_all(chunk).await.unwrap();
        }
        writer.shutdown().await.unwrap();
    };
    let mut received = Vec::new();
    let (_, read) = tokio::join!(send, reader.read_to_end(&mut received));
    read.unwrap();
    received
}

async fn exchange(ground: Ground, up: &[Vec<u8>], down: &[Vec<u8>]) {
    let mut lab = Lab::on(ground).await;
    let both = async { tokio::join!(speak(&mut lab.client, up), speak(&mut lab.server, down)) };
    let (at_client, at_server) = within(both).await;
    assert!(at_server == up.concat(), "{ground:?}: the server got something else");
    assert!(at_client == down.concat(), "{ground:?}: the client got something else");
    let relayed = lab.relayed().await;
    assert_eq!(relayed.ending, Ending::Closed);
    assert_eq!(relayed.from_a, at_server.len() as u64);
    assert_eq!(relayed.from_b, at_client.len() as u64);
}

fn run(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future);
}

/// Some chunks, a few of them large enough that splicing begins.
fn chunks() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let len = prop_oneof![4 => 0..2000usize, 1 => 50_000..400_000usize];
    let chunk = (len, any::<u8>()).prop_map(|(len, seed)| pattern(len, seed));
    proptest::collection::vec(chunk, 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_chunks_arrive_both_ways_as_they_were_sent(
        up in chunks(),
        down in chunks(),
        ground in prop_oneof![Just(Ground::Sockets), Just(Ground::Streams), Just(Ground::Mixed)],
    ) {
        run(exchange(ground, &up, &down));
    }
}

#[test]
fn many_small_messages_arrive_after_splicing_has_begun() {
    let up: Vec<_> = (0..20_000).map(|index| pattern(100, index as u8)).collect();
    let down = vec![pattern(5_000_000, 7)];
    for ground in [Ground::Sockets, Ground::Streams, Ground::Mixed] {
        run(exchange(ground, &up, &down));
    }
}
