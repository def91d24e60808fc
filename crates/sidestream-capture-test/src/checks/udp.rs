//! What a UDP association carries.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use sidestream_flow::Transport;
use sidestream_testkit::{UdpOrigin, skip};

use crate::bed::{Bed, or_fail, pattern};
use crate::{Config, Datagrams, Family, Ground};

/// Datagrams keep their size and bytes, the empty one and the largest included, and none of a
/// handful sent at once is lost or joined with another.
///
/// # Panics
///
/// When the driver does otherwise.
pub async fn keeps_udp_datagrams_whole(ground: &mut dyn Ground, config: &Config) {
    let bed = Bed::new(ground, config);
    if !bed.capabilities.udp {
        return skip("keeps_udp_datagrams_whole", "the driver does not capture UDP");
    }
    let origin = echo(&bed, Family::V4, |datagram| datagram.to_vec());
    let mut client = open(&bed, Family::V4).await;
    let sizes =
        [1, 0, 1_400, 9_000, 65_507].into_iter().filter(|&n| n <= bed.ground.max_datagram());
    for size in sizes {
        let datagram = pattern(size as u64, size);
        send(&bed, &mut *client, &datagram, origin.addr()).await;
        let echoed = recv(&bed, &mut *client, origin.addr(), size).await;
        assert!(
            echoed == datagram,
            "a datagram of {size} bytes came as another of {}",
            echoed.len()
        );
    }
    assert_eq!(bed.relay.flows().len(), 1, "one client and one server are one flow");

    let sent: BTreeSet<Vec<u8>> = (1..=32).map(|n| pattern(n, 10 * n as usize)).collect();
    for datagram in &sent {
        send(&bed, &mut *client, datagram, origin.addr()).await;
    }
    let mut echoed = BTreeSet::new();
    for datagram in &sent {
        echoed.insert(recv(&bed, &mut *client, origin.addr(), datagram.len()).await);
    }
    assert!(echoed == sent, "datagrams sent at once were joined, cut, doubled or changed");
}

/// One client socket that speaks to two servers makes two flows, and each answer comes from the
/// server that gave it.
///
/// # Panics
///
/// When the driver does otherwise.
pub async fn keeps_udp_servers_apart(ground: &mut dyn Ground, config: &Config) {
    let bed = Bed::new(ground, config);
    if !bed.capabilities.udp {
        return skip("keeps_udp_servers_apart", "the driver does not capture UDP");
    }
    let first = echo(&bed, Family::V4, |datagram| [b"first ", datagram].concat());
    let second = echo(&bed, Family::V4, |datagram| [b"second ", datagram].concat());
    let mut client = open(&bed, Family::V4).await;
    for round in 0_u8..3 {
        for (origin, name) in [(&first, "first "), (&second, "second ")] {
            send(&bed, &mut *client, &[round], origin.addr()).await;
            let answer = recv(&bed, &mut *client, origin.addr(), 1).await;
            assert_eq!(answer, [name.as_bytes(), &[round]].concat(), "the {name}server's answer");
        }
    }
    let mut flows = bed.relay.flows();
    assert_eq!(flows.len(), 2, "one client and two servers are two flows");
    flows.sort_by_key(|flow| flow.key.server != first.addr());
    for (flow, origin) in flows.iter().zip([&first, &second]) {
        assert_eq!(flow.key.transport, Transport::Udp, "the flow's transport");
        assert_eq!(flow.key.server, origin.addr(), "the flow's original destination");
        assert_eq!(flow.key.client.port(), client.local().port(), "the flow's client port");
    }
}

pub(super) fn echo(
    bed: &Bed<'_>,
    family: Family,
    answer: impl Fn(&[u8]) -> Vec<u8> + Send + 'static,
) -> UdpOrigin {
    let ip = bed.ground.server_ip(family).expect("checks ask for families that the ground has");
    UdpOrigin::listen((ip, 0).into(), move |datagram, _from| vec![answer(datagram)])
        .expect("the ground's server address is here")
}

pub(super) async fn open(bed: &Bed<'_>, family: Family) -> Box<dyn Datagrams> {
    let opened = bed.within("opening a UDP socket", bed.ground.open_udp(family)).await;
    or_fail(bed, "the client cannot open a UDP socket", opened)
}

pub(super) async fn send(
    bed: &Bed<'_>,
    client: &mut dyn Datagrams,
    datagram: &[u8],
    server: SocketAddr,
) {
    let size = datagram.len();
    let sent = bed.within("sending a datagram", client.send_to(datagram, server)).await;
    or_fail(bed, &format!("the client cannot send {size} bytes"), sent);
}

pub(super) async fn recv(
    bed: &Bed<'_>,
    client: &mut dyn Datagrams,
    server: SocketAddr,
    size: usize,
) -> Vec<u8> {
    let what = format!("the answer to a datagram of {size} bytes");
    let received = bed.within(&what, client.recv_from()).await;
    let (datagram, from) = or_fail(bed, &what, received);
    assert_eq!(from, server, "{what} comes from the server that was asked");
    datagram.to_vec()
}
