//! Whose flows they are.

use std::future::poll_fn;
use std::net::SocketAddr;

use sidestream_capture::{Kind, next_incoming};
use sidestream_flow::{FlowKey, Process, Transport};
use sidestream_ipc::{
    Direction, Diverted, FlowVerdict as Said, Message, Notice, NoticeKind, PacketTag, ProcessRecord,
};
use sidestream_packet::{Batch, Checksum, Offload, build};
use sidestream_redirect::{FlowVerdict, Known, Redirector};
use sidestream_tunnel::{Settings, Tunnel};

use crate::redirector::{Fake, started};

const CLIENT: ([u8; 4], u16) = ([10, 0, 0, 2], 4000);
const SERVER: ([u8; 4], u16) = ([192, 0, 2, 1], 53);

fn key(port: u16) -> FlowKey {
    let client = SocketAddr::from((CLIENT.0, port));
    FlowKey { transport: Transport::Udp, client, server: SERVER.into() }
}

fn diverted(id: u64, port: u16, process: Option<u64>, verdict: Said) -> Message {
    let direction = Direction::Outbound;
    Message::Diverted(Diverted { id, key: key(port), process, verdict, direction })
}

fn record(key: u64, parent: Option<u64>, name: &str) -> Message {
    let process = Process { pid: 40 + key as u32, name: name.to_owned(), ..Process::default() };
    ProcessRecord { key, parent, process }.into()
}

/// Waits until all that was said has been taken.
async fn settle(redirector: &mut Redirector, fake: &mut Fake) {
    let notice = Notice { kind: NoticeKind::Full, process: Some(2), destination: None, count: 1 };
    fake.say(&Message::Notice(notice)).await;
    redirector.notices.recv().await.unwrap();
}

#[tokio::test]
async fn a_flow_is_known_with_its_process_and_the_parents() {
    let (mut redirector, mut fake) = started(4096).await;
    fake.say(&record(1, None, "sh")).await;
    fake.say(&record(2, Some(1), "curl")).await;
    fake.say(&diverted(1, 4000, Some(2), Said::Intercept)).await;
    fake.say(&diverted(2, 4001, Some(9), Said::Residual("!host:*.test".to_owned()))).await;
    fake.say(&diverted(3, 4002, None, Said::Pass)).await;
    fake.say(&diverted(4, 4003, None, Said::Residual("host:".to_owned()))).await;
    settle(&mut redirector, &mut fake).await;

    let Known { process, verdict, direction } = redirector.flows.get(&key(4000)).unwrap();
    let process = process.unwrap();
    assert_eq!((process.name.as_str(), process.pid), ("curl", 42));
    assert_eq!(process.parent.as_ref().unwrap().name, "sh");
    assert_eq!((verdict, direction), (FlowVerdict::Intercept, Direction::Outbound));

    let known = redirector.flows.get(&key(4001)).unwrap();
    assert_eq!(known.process, None);
    let FlowVerdict::Residual(spec) = known.verdict else { panic!("no residual") };
    assert_eq!(spec.as_str(), "!host:*.test");
    for port in [4002, 4003] {
        assert_eq!(redirector.flows.get(&key(port)).unwrap().verdict, FlowVerdict::Pass);
    }
    assert_eq!(redirector.flows.get(&key(4004)), None);
}

#[tokio::test]
async fn a_notice_comes_with_its_process() {
    let (mut redirector, mut fake) = started(4096).await;
    fake.say(&record(2, None, "curl")).await;
    let notice = Notice { kind: NoticeKind::Full, process: Some(2), destination: None, count: 3 };
    fake.say(&Message::Notice(notice.clone())).await;
    let (told, process) = redirector.notices.recv().await.unwrap();
    assert_eq!((&told, process.unwrap().name.as_str()), (&notice, "curl"));

    fake.say(&Message::Forget { key: 2 }).await;
    fake.say(&Message::Notice(notice)).await;
    assert_eq!(redirector.notices.recv().await.unwrap().1, None);
}

#[tokio::test]
async fn what_is_over_is_remembered_within_bounds_and_never_forgets_what_is_new() {
    let (mut redirector, mut fake) = started(1 << 20).await;
    fake.say(&diverted(1, 4000, None, Said::Intercept)).await;
    fake.say(&Message::Closed { flow: 1 }).await;
    settle(&mut redirector, &mut fake).await;
    assert!(redirector.flows.get(&key(4000)).is_some(), "its packets may still wait");

    // The same ends again, and then so many that the first of both is forgotten.
    fake.say(&diverted(2, 4000, None, Said::Pass)).await;
    for id in 3..1100 {
        fake.say(&diverted(id, id as u16, None, Said::Intercept)).await;
        fake.say(&Message::Closed { flow: id }).await;
    }
    settle(&mut redirector, &mut fake).await;
    assert_eq!(redirector.flows.get(&key(4000)).unwrap().verdict, FlowVerdict::Pass);
    assert_eq!(redirector.flows.get(&key(3)), None);
    assert!(redirector.flows.get(&key(1099)).is_some());

    fake.say(&Message::Closed { flow: 2 }).await;
    for id in 1100..2200 {
        fake.say(&diverted(id, 5000, None, Said::Intercept)).await;
        fake.say(&Message::Closed { flow: id }).await;
    }
    settle(&mut redirector, &mut fake).await;
    assert_eq!(redirector.flows.get(&key(4000)), None);
}

#[tokio::test]
async fn a_tunnel_makes_flows_of_the_packets() {
    let (redirector, mut fake) = started(1 << 20).await;
    let (flows, mut settings) = (redirector.flows.clone(), Settings::new("local", 1));
    settings.lookup = Some(std::sync::Arc::new(move |key| flows.get(key)?.process));
    let mut tunnel = Tunnel::start(Box::new(redirector.device), settings);

    fake.say(&record(2, None, "dig")).await;
    fake.say(&diverted(1, CLIENT.1, Some(2), Said::Intercept)).await;
    let (mut packet, mut batch) = (Vec::new(), Batch::default());
    build::udp(&mut packet, CLIENT.into(), SERVER.into(), b"question").unwrap();
    let offload = Offload { checksum: Checksum::Complete, segment_size: None };
    batch.push(&packet, PacketTag { flow: 1, offload });
    fake.say(&Message::Packets(batch)).await;

    let incoming = next_incoming(&mut tunnel).await.unwrap().unwrap();
    assert_eq!(incoming.info.key, key(CLIENT.1));
    assert_eq!(incoming.info.process.unwrap().name, "dig");
    let Kind::Udp(mut association) = incoming.kind else { panic!("not UDP") };
    let question = poll_fn(|cx| association.poll_recv(cx)).await.unwrap().unwrap();
    assert_eq!(question, b"question"[..]);
    poll_fn(|cx| association.poll_send(cx, b"answer")).await.unwrap();

    let Some(Message::Packets(batch)) = fake.hear().await else { panic!("no packets") };
    let (answer, _) = batch.get(0).unwrap();
    let mut expected = Vec::new();
    build::udp(&mut expected, SERVER.into(), CLIENT.into(), b"answer").unwrap();
    assert_eq!(answer[28..], expected[28..]);
    assert_eq!(answer[12..24], expected[12..24], "from whom, and to whom");
}
