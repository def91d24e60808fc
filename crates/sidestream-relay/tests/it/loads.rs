//! Much, and a peer that takes its time.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::lab::{Ground, Lab, within};

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn a_slow_receiver_slows_the_sender_down() {
    for ground in [Ground::Sockets, Ground::Streams] {
        let mut lab = Lab::on(ground).await;
        // Nobody reads: what the kernels and the relay hold between the two is bounded.
        let chunk = vec![1; MIB];
        let (mut sent, mut stuck) = (0, 0);
        while stuck < 20 {
            match lab.client.try_write(&chunk) {
                Ok(bytes) => (sent, stuck) = (sent + bytes, 0),
                Err(_would_block) => {
                    stuck += 1;
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                }
            }
            assert!(sent < 256 * MIB, "{ground:?}: nothing stops the sender");
        }
        // Then all of it comes.
        lab.client.shutdown().await.unwrap();
        let mut received = 0;
        let mut buf = vec![0; MIB];
        loop {
            match within(lab.server.read(&mut buf)).await.unwrap() {
                0 => break,
                some => received += some,
            }
        }
        assert_eq!(received, sent);
        lab.server.shutdown().await.unwrap();
        assert_eq!(lab.relayed().await.from_a, sent as u64);
    }
}
