//! DNS as it is answered inside, by resolvers that do what they are told, in virtual time.

use std::collections::HashMap;
use std::future::{poll_fn, ready};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use sidestream::capture::{
    Association, BoxFuture, Destination, Dial, Dialed, DialedAssociation, Egress, FlowInfo, Target,
};
use sidestream::flow::{FlowKey, Transport};
use sidestream::record::DialFailure;
use sidestream::{Inside, Resolvers};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, timeout};

use super::{authority, query, site};

const OWN: &str = "10.11.0.1";
const FIRST: &str = "192.0.2.1:53";
const SECOND: &str = "192.0.2.2:53";

/// What a resolver does.
#[derive(Clone, Copy)]
enum Conduct {
    Answers,
    IsSilent,
    Refuses,
    Unreachable,
}

/// Reaches resolvers, and notes who was asked what.
#[derive(Default)]
struct Net {
    resolvers: HashMap<SocketAddr, Conduct>,
    asked: Arc<Mutex<Vec<(SocketAddr, u16)>>>,
}

struct Resolver {
    addr: SocketAddr,
    conduct: Conduct,
    asked: Arc<Mutex<Vec<(SocketAddr, u16)>>>,
    send: UnboundedSender<Vec<u8>>,
    sent: UnboundedReceiver<Vec<u8>>,
}

impl Association for Resolver {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<bytes::Bytes>>> {
        self.sent.poll_recv(cx).map(|datagram| match datagram {
            Some(datagram) if datagram.is_empty() => Err(io::ErrorKind::ConnectionRefused.into()),
            datagram => Ok(datagram.map(Into::into)),
        })
    }

    fn poll_send(&mut self, _: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<()>> {
        let id = u16::from_be_bytes([datagram[0], datagram[1]]);
        self.asked.lock().unwrap().push((self.addr, id));
        match self.conduct {
            Conduct::Answers => {
                let mut reply = datagram.to_vec();
                reply[2] |= 0x80;
                self.send.send(reply).unwrap();
            }
            Conduct::Refuses => self.send.send(Vec::new()).unwrap(),
            Conduct::IsSilent | Conduct::Unreachable => {}
        }
        Poll::Ready(Ok(()))
    }
}

impl Dial for Net {
    fn dial<'a>(
        &'a self,
        _: &'a FlowInfo,
        _: &'a Target,
    ) -> BoxFuture<'a, Result<Dialed, DialFailure>> {
        Box::pin(ready(Err(DialFailure::Unreachable)))
    }

    fn associate<'a>(
        &'a self,
        _: &'a FlowInfo,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<DialedAssociation, DialFailure>> {
        let Target::Addr(addr) = *target else { panic!("names are not asked for") };
        let conduct = self.resolvers.get(&addr).copied().unwrap_or(Conduct::Unreachable);
        let (send, sent) = unbounded_channel();
        let asked = Arc::clone(&self.asked);
        let association = Box::new(Resolver { addr, conduct, asked, send, sent });
        Box::pin(ready(match conduct {
            Conduct::Unreachable => Err(DialFailure::Unreachable),
            _ => Ok(DialedAssociation { association, addr, via: None }),
        }))
    }
}

/// Who asks, and whom.
struct Asking {
    inside: Inside,
    asked: Arc<Mutex<Vec<(SocketAddr, u16)>>>,
}

impl Asking {
    fn new(resolvers: &[(&str, Conduct)]) -> Self {
        let addr = |text: &str| text.parse::<SocketAddr>().unwrap();
        let net = Net {
            resolvers: resolvers.iter().map(|(text, conduct)| (addr(text), *conduct)).collect(),
            asked: Arc::default(),
        };
        let asked = Arc::clone(&net.asked);
        let inside = Inside::new(Arc::new(net), site(&authority()))
            .with_addresses(&[OWN.parse().unwrap()])
            .with_resolvers(Resolvers::fixed(
                resolvers.iter().map(|(text, _)| addr(text)).collect(),
            ));
        Self { inside, asked }
    }

    async fn associate(&self, port: u16) -> Box<dyn Association> {
        let server = SocketAddr::new(OWN.parse().unwrap(), port);
        let dialed = self.inside.associate(&flow(server), &Target::Addr(server)).await;
        dialed.unwrap().association
    }

    fn asked(&self) -> Vec<(String, u16)> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|(addr, id)| (addr.to_string(), *id)).collect()
    }
}

pub(super) fn flow(server: SocketAddr) -> FlowInfo {
    let client = "10.11.0.2:4000".parse().unwrap();
    FlowInfo {
        key: FlowKey { transport: Transport::Udp, client, server },
        process: None,
        via: "test",
        destination: Destination::Original,
        egress: Egress::default(),
        residual: None,
    }
}

async fn send(association: &mut Box<dyn Association>, datagram: &[u8]) {
    poll_fn(|cx| association.poll_send(cx, datagram)).await.unwrap();
}

/// Waits for an answer; gives its number and how it went.
async fn answer(association: &mut Box<dyn Association>) -> (u16, u8) {
    let received = poll_fn(|cx| association.poll_recv(cx)).await.unwrap().unwrap();
    (u16::from_be_bytes([received[0], received[1]]), received[3] & 0xf)
}

const DONE: u8 = 0;
const MALFORMED: u8 = 1;
const FAILED: u8 = 2;

fn asked(wanted: &[(&str, u16)]) -> Vec<(String, u16)> {
    wanted.iter().map(|(addr, id)| ((*addr).to_owned(), *id)).collect()
}

#[tokio::test(start_paused = true)]
async fn our_name_is_answered_and_others_are_passed_on() {
    let asking = Asking::new(&[(FIRST, Conduct::Answers), (SECOND, Conduct::Answers)]);
    let mut client = asking.associate(53).await;
    send(&mut client, &query(1, "sidestream.internal")).await;
    assert_eq!(answer(&mut client).await, (1, DONE));
    assert_eq!(asking.asked(), []);
    send(&mut client, &query(2, "example.test")).await;
    assert_eq!(answer(&mut client).await, (2, DONE));
    assert_eq!(asking.asked(), asked(&[(FIRST, 2)]));
}

#[tokio::test(start_paused = true)]
async fn a_silent_resolver_gives_way_to_the_next_and_is_not_asked_again() {
    let asking = Asking::new(&[(FIRST, Conduct::IsSilent), (SECOND, Conduct::Answers)]);
    let (mut client, start) = (asking.associate(53).await, Instant::now());
    send(&mut client, &query(1, "example.test")).await;
    assert_eq!(answer(&mut client).await, (1, DONE));
    assert_eq!(start.elapsed().as_secs(), 3);
    send(&mut client, &query(2, "example.test")).await;
    assert_eq!(answer(&mut client).await, (2, DONE));
    let mut another = asking.associate(53).await;
    send(&mut another, &query(3, "example.test")).await;
    assert_eq!(answer(&mut another).await, (3, DONE));
    assert_eq!(start.elapsed().as_secs(), 3);
    assert_eq!(asking.asked(), asked(&[(FIRST, 1), (SECOND, 1), (SECOND, 2), (SECOND, 3)]));
}

#[tokio::test(start_paused = true)]
async fn one_that_refuses_or_cannot_be_reached_gives_way_at_once() {
    for conduct in [Conduct::Refuses, Conduct::Unreachable] {
        let asking = Asking::new(&[(FIRST, conduct), (SECOND, Conduct::Answers)]);
        let (mut client, start) = (asking.associate(53).await, Instant::now());
        send(&mut client, &query(1, "example.test")).await;
        assert_eq!(answer(&mut client).await, (1, DONE));
        assert!(start.elapsed() < Duration::from_secs(1));
    }
}

#[tokio::test(start_paused = true)]
async fn where_none_answers_that_is_said() {
    let nowhere: [&[(&str, Conduct)]; 5] = [
        &[],
        &[(FIRST, Conduct::Unreachable)],
        &[(FIRST, Conduct::IsSilent)],
        &[(FIRST, Conduct::Refuses), (SECOND, Conduct::IsSilent)],
        // It would ask us.
        &[("10.11.0.1:53", Conduct::Answers)],
    ];
    for resolvers in nowhere {
        let asking = Asking::new(resolvers);
        let (mut client, start) = (asking.associate(53).await, Instant::now());
        for id in [1, 2] {
            send(&mut client, &query(id, "example.test")).await;
            assert_eq!(answer(&mut client).await, (id, FAILED));
        }
        assert!(start.elapsed() <= Duration::from_secs(12 + 1), "{:?}", start.elapsed());
        // Our own name needs nobody.
        send(&mut client, &query(3, "sidestream.internal")).await;
        assert_eq!(answer(&mut client).await, (3, DONE));
    }
}

#[tokio::test(start_paused = true)]
async fn a_query_that_was_lost_is_sent_again() {
    let asking = Asking::new(&[(FIRST, Conduct::IsSilent)]);
    let mut client = asking.associate(53).await;
    send(&mut client, &query(1, "example.test")).await;
    assert_eq!(answer(&mut client).await, (1, FAILED));
    assert_eq!(asking.asked(), asked(&[(FIRST, 1), (FIRST, 1)]));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_query_is_told_or_left_and_harms_nobody() {
    let asking = Asking::new(&[(FIRST, Conduct::Answers)]);
    let mut client = asking.associate(53).await;
    for garbage in [&b""[..], b"x", &[0xff; 600], &[0; 11]] {
        send(&mut client, garbage).await;
    }
    send(&mut client, &query(7, "sidestream.internal")[..20]).await;
    assert_eq!(answer(&mut client).await, (7, MALFORMED));
    send(&mut client, &query(8, "example.test")).await;
    assert_eq!(answer(&mut client).await, (8, DONE));
}

#[tokio::test(start_paused = true)]
async fn of_a_flood_of_queries_so_many_are_kept_and_no_more() {
    let asking = Asking::new(&[(FIRST, Conduct::IsSilent)]);
    let mut client = asking.associate(53).await;
    for round in 0..100_u16 {
        for id in 0..100 {
            send(&mut client, &query(round * 100 + id, "example.test")).await;
        }
        tokio::task::yield_now().await;
    }
    let mut failed = 0;
    while let Ok((_, code)) = timeout(Duration::from_secs(60), answer(&mut client)).await {
        assert_eq!(code, FAILED);
        failed += 1;
    }
    assert!((1..=64).contains(&failed), "{failed}");
    send(&mut client, &query(1, "sidestream.internal")).await;
    assert_eq!(answer(&mut client).await, (1, DONE));
}

#[tokio::test(start_paused = true)]
async fn other_ports_are_refused_and_other_addresses_are_left_to_others() {
    let asking = Asking::new(&[(FIRST, Conduct::Answers)]);
    let mut client = asking.associate(443).await;
    send(&mut client, b"anybody?").await;
    let refused = poll_fn(|cx| client.poll_recv(cx)).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);

    let server = FIRST.parse().unwrap();
    let dialed = asking.inside.associate(&flow(server), &Target::Addr(server)).await.unwrap();
    assert_eq!(dialed.addr, server);
    let mut association = dialed.association;
    send(&mut association, &query(1, "sidestream.internal")).await;
    assert_eq!(answer(&mut association).await, (1, DONE));
    assert_eq!(asking.asked(), asked(&[(FIRST, 1)]));
    for port in [22, 443, 8080] {
        let own = Target::Addr(SocketAddr::new(OWN.parse().unwrap(), port));
        let refused = asking.inside.dial(&flow(server), &own).await.unwrap_err();
        assert_eq!(refused, DialFailure::Refused);
    }
    let other = asking.inside.dial(&flow(server), &Target::Addr(server)).await.unwrap_err();
    assert_eq!(other, DialFailure::Unreachable);
}
