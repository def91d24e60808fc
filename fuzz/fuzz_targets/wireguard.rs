//! Feeds a server of WireGuard any datagrams and packets: it must not panic, take anything for
//! authenticated, or answer but to handshakes.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use sidestream_wireguard::{Config, Hub, Interface, Path, Peer, PrivateKey};

fuzz_target!(|bytes: &[u8]| {
    let now = Instant::now();
    let peers = (2..5).map(|seed| {
        let prefix = format!("10.0.0.{seed}/32").parse().expect("a range");
        let key = PrivateKey::from_bytes([seed; 32]).public_key();
        Peer { allowed_ips: vec![prefix], ..Peer::new(key) }
    });
    let interface = Interface::new(PrivateKey::from_bytes([1; 32]));
    let config = Config { interface, peers: peers.collect() };
    let mut hub = Hub::new(config, now, |_| None).expect("the system gives randomness");
    let remote = "192.0.2.1:1".parse().expect("an address");
    let path = Path { socket: 0, remote, local: None };
    let mut rest = bytes;
    let (mut buf, mut out, mut step) = ([0; 1420], [0; 2000], 0);
    while let [kind, len, tail @ ..] = rest {
        let (piece, tail) = tail.split_at(tail.len().min(usize::from(*len)));
        rest = tail;
        step += 1;
        let now = now + Duration::from_millis(100) * step;
        match kind % 4 {
            0 => hub.handle_timeout(now),
            1 => {
                if let Some((peer, _)) = hub.route(piece) {
                    _ = hub.seal(peer, piece, now, &mut out);
                }
            }
            kind => {
                let mut datagram = piece.to_vec();
                if kind == 3 && datagram.len() >= 4 {
                    datagram[1..4].fill(0);
                }
                assert_eq!(hub.handle_datagram(&path, &datagram, now, &mut buf), None);
            }
        }
    }
    assert_eq!(hub.poll_reply(), None);
});
