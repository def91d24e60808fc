//! The proxy's side of whole-machine capture, against a helper that is played.

mod helper;

use std::error::Error;
use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::time::Duration;

use bytes::Bytes;
use sidestream_capture::{
    Association, Attribution, Capture, Destination, Incoming, Kind, Refusal, SetSpecError,
    next_incoming,
};
use sidestream_ipc::{FlowVerdict, Hello, Message, Notice, NoticeKind, Refused, Started};
use sidestream_linux::{LocalCapture, StartError};
use sidestream_testkit::{Origin, UdpOrigin};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use helper::{Helper, STARTED, record};

const SERVER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 443);

async fn next(capture: &mut LocalCapture) -> Incoming {
    next_incoming(capture).await.unwrap().unwrap()
}

async fn association(capture: &mut LocalCapture) -> Box<dyn Association> {
    match next(capture).await.kind {
        Kind::Udp(association) => association,
        Kind::Tcp(_) => panic!("a connection"),
    }
}

async fn receive(association: &mut dyn Association) -> Option<Bytes> {
    let received = poll_fn(|cx| association.poll_recv(cx));
    timeout(Duration::from_secs(30), received).await.unwrap().unwrap()
}

fn datagram(flow: u64, payload: &'static [u8]) -> Message {
    Message::Datagram { flow, payload: Bytes::from_static(payload) }
}

/// All that an error says, down to its cause.
fn chain(error: &dyn Error) -> String {
    let cause = error.source().map(|cause| format!(": {}", chain(cause))).unwrap_or_default();
    format!("{error}{cause}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_is_yielded_with_its_process_and_parents() {
    let (helper, mut capture, _notices) = Helper::capturing().await;
    helper.send(&record(1, None, "init"));
    helper.send(&record(2, Some(1), "curl"));
    let mut client = helper.connect(7, SERVER, FlowVerdict::Intercept);
    let Incoming { info, kind } = next(&mut capture).await;
    assert_eq!(info.key.server, SERVER);
    assert_eq!(info.key.client, client.local_addr().unwrap());
    assert_eq!((info.via, info.destination), ("local", Destination::Original));
    assert_eq!(info.residual, None);
    let process = info.process.unwrap();
    assert_eq!((process.pid, process.name.as_str()), (1002, "curl"));
    let parents: Vec<_> = process.parents().map(|one| one.name.as_str()).collect();
    assert_eq!(parents, ["init"]);
    let Kind::Tcp(pending) = kind else { panic!("no connection") };
    let mut stream = pending.accept().await.unwrap();
    client.write_all(b"ping").unwrap();
    let mut buf = [0; 4];
    stream.read_exact(&mut buf).await.unwrap();
    stream.write_all(b"pong").await.unwrap();
    client.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"pong");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_process_is_not_named_and_a_flow_keeps_its_own() {
    let (helper, mut capture, _notices) = Helper::capturing().await;
    helper.send(&record(2, None, "curl"));
    let _client = helper.connect(1, SERVER, FlowVerdict::Intercept);
    helper.send(&Message::Forget { key: 2 });
    let _client = helper.connect(2, SERVER, FlowVerdict::Intercept);
    assert_eq!(next(&mut capture).await.info.process.unwrap().name, "curl");
    assert_eq!(next(&mut capture).await.info.process, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn datagrams_come_in_order_and_what_came_beside_the_socket_first() {
    let (helper, mut capture, _notices) = Helper::capturing().await;
    let (client, _ours) = helper.associate(9, SERVER, FlowVerdict::Intercept);
    client.send(b"third").unwrap();
    helper.send(&datagram(9, b"first"));
    helper.send(&datagram(9, b"second"));
    let mut association = association(&mut capture).await;
    assert_eq!(receive(&mut *association).await.unwrap(), "first");
    // The second one may not be there yet, and need not be.
    let mut rest = vec![receive(&mut *association).await.unwrap()];
    rest.push(receive(&mut *association).await.unwrap());
    rest.sort();
    assert_eq!(rest, ["second", "third"]);
    poll_fn(|cx| association.poll_send(cx, b"answer")).await.unwrap();
    let mut buf = [0; 16];
    assert_eq!(client.recv(&mut buf).unwrap(), 6);
    client.send(b"last").unwrap();
    helper.send(&Message::Closed { flow: 9 });
    assert_eq!(receive(&mut *association).await.unwrap(), "last");
    assert_eq!(receive(&mut *association).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_only_datagram_of_a_program_that_has_ended_is_received() {
    let (helper, mut capture, _notices) = Helper::capturing().await;
    let _sockets = helper.associate(9, SERVER, FlowVerdict::Intercept);
    helper.send(&Message::Closed { flow: 9 });
    helper.send(&datagram(9, b"only"));
    let mut association = association(&mut capture).await;
    assert_eq!(receive(&mut *association).await.unwrap(), "only");
    assert_eq!(receive(&mut *association).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_to_be_passed_is_relayed_and_never_yielded() {
    let (helper, mut capture, _notices) = Helper::capturing().await;
    let (tcp, udp) = (Origin::echo(), UdpOrigin::echo());
    let mut client = helper.connect(1, tcp.addr(), FlowVerdict::Pass);
    let (peer, _ours) = helper.associate(2, udp.addr(), FlowVerdict::Pass);
    helper.send(&datagram(2, b"one"));
    let _shown = helper.connect(3, SERVER, FlowVerdict::Intercept);
    client.write_all(b"unseen").unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let mut back = Vec::new();
    client.read_to_end(&mut back).unwrap();
    assert_eq!(back, b"unseen");
    peer.send(b"two").unwrap();
    let mut buf = [0; 16];
    for expected in [b"one", b"two"] {
        let len = peer.recv(&mut buf).unwrap();
        assert_eq!(&buf[..len], expected);
    }
    assert_eq!(next(&mut capture).await.info.key.server, SERVER);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_refuses_what_is_passed_is_seen_as_a_reset() {
    let (helper, _capture, _notices) = Helper::capturing().await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut client = helper.connect(1, nobody, FlowVerdict::Pass);
    let error = client.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_of_the_spec_comes_with_the_flow() {
    let (helper, mut capture, _notices) = Helper::capturing().await;
    let residual = |text: &str| FlowVerdict::Residual(text.into());
    let _clients = [
        helper.connect(1, SERVER, residual("host:*.test")),
        helper.connect(2, SERVER, residual("!host:*.test")),
    ];
    for expected in ["host:*.test", "!host:*.test"] {
        let left = next(&mut capture).await.info.residual.unwrap();
        assert_eq!(left.as_str(), expected);
    }
    // What cannot be understood is nobody's business.
    let origin = Origin::echo();
    let mut client = helper.connect(3, origin.addr(), residual(","));
    client.write_all(b"unseen").unwrap();
    let mut back = [0; 6];
    client.read_exact(&mut back).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_spec_is_acknowledged_or_refused() {
    let (mut helper, capture, _notices) = Helper::capturing().await;
    let control = capture.control().unwrap();
    let taken = tokio::spawn(control.set_spec("wget".parse().unwrap()));
    let refused = {
        let Some(Message::SetSpec(set)) = helper.receive() else { panic!("no spec") };
        assert_eq!(set.spec, "wget");
        let refused = tokio::spawn(control.set_spec("ftp".parse().unwrap()));
        let Some(Message::SetSpec(other)) = helper.receive() else { panic!("no spec") };
        let error = Some("too many rules".into());
        helper.send(&Message::SpecSet { serial: other.serial, error });
        helper.send(&Message::SpecSet { serial: set.serial, error: None });
        refused
    };
    taken.await.unwrap().unwrap();
    let error = refused.await.unwrap().unwrap_err();
    assert!(chain(&error).ends_with("too many rules"), "{error:?}");
    let pending = tokio::spawn(control.set_spec("curl".parse().unwrap()));
    drop(helper);
    assert!(matches!(pending.await.unwrap(), Err(SetSpecError::Over)));
    let late = control.set_spec("curl".parse().unwrap()).await;
    assert!(matches!(late, Err(SetSpecError::Over)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_the_helper_is_told_after_the_last_flow() {
    let (helper, mut capture, mut notices) = Helper::capturing().await;
    let _client = helper.connect(1, SERVER, FlowVerdict::Intercept);
    drop(helper);
    next(&mut capture).await;
    let error = next_incoming(&mut capture).await.unwrap_err();
    assert_eq!(error.to_string(), "the helper ended; captured programs now connect directly");
    assert_eq!(notices.next().await, None);
    assert!(next_incoming(&mut capture).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_message_ends_the_capture_with_a_reason() {
    let (helper, mut capture, _notices) = Helper::capturing().await;
    helper.send_bytes(&[0xff; 64], &[]);
    let error = next_incoming(&mut capture).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    let (helper, mut capture, _notices) = Helper::capturing().await;
    helper.send(&Message::Knocked);
    let error = next_incoming(&mut capture).await.unwrap_err();
    assert_eq!(error.to_string(), "the helper sent `knocked` out of turn");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_says_what_and_what_to_do() {
    let (_helper, started) = Helper::start(|helper| {
        helper.greet();
        let remedy = Some("mount it".into());
        helper.send(&Message::Refused(Refused { what: "there is no cgroup2".into(), remedy }));
    })
    .await;
    let error = started.unwrap_err();
    assert_eq!(error.to_string(), "there is no cgroup2: mount it");
    assert!(matches!(error, StartError::Refused { remedy: Some(_), .. }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_helper_that_is_not_one_is_told_apart() {
    let (_, started) = Helper::start(|helper| *helper = Helper::pair().0).await;
    assert!(matches!(started.unwrap_err(), StartError::Ended));
    let (_helper, started) = Helper::start(|helper| {
        let program = "sidestream-helper 9".into();
        helper.send(&Message::Hello(Hello { version: 99, program }));
    })
    .await;
    let words = chain(&started.unwrap_err());
    assert!(words.contains("sidestream-helper 9 speaks version 99"), "{words}");
    let (_helper, started) = Helper::start(|helper| helper.send(&Message::Beat)).await;
    assert!(matches!(started.unwrap_err(), StartError::OutOfTurn("beat")));
}

#[tokio::test(start_paused = true)]
async fn a_helper_that_says_nothing_is_not_waited_for_for_ever() {
    // It has not gone: it is dropped at the end of the test.
    let (_helper, started) = Helper::start(|_silent| {}).await;
    let error = started.unwrap_err();
    assert_eq!(error.to_string(), "the helper did not answer within 30 s, start again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_proxy_knocks_where_it_is_told_to() {
    let (_helper, started) = Helper::start(|helper| {
        helper.greet();
        for door in ["127.0.0.1:0", "[::1]:0"] {
            // The kernel may have no IPv6, and a knock may fail.
            let door = UdpSocket::bind(door).and_then(|door| door.local_addr());
            let door = door.unwrap_or_else(|_no_ipv6| ([127, 0, 0, 1], 9).into());
            helper.send(&Message::Knock(door));
            assert_eq!(helper.receive(), Some(Message::Knocked));
        }
        helper.send(&Message::Started(STARTED));
    })
    .await;
    started.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_helper_can_is_what_the_driver_can() {
    let (_helper, capture, _notices) = Helper::capturing().await;
    let can = capture.capabilities();
    assert!(can.udp && can.ipv6 && can.spec && can.descriptors);
    assert_eq!((can.attribution, can.refusal), (Attribution::Kernel, Refusal::Reset));
    let (_helper, started) = Helper::start(|helper| {
        helper.greet();
        let less = Started { ipv6: false, udp: false, all_users: false };
        helper.send(&Message::Started(less));
    })
    .await;
    let (capture, mut notices) = started.unwrap();
    let can = capture.capabilities();
    assert!(!can.udp && !can.ipv6);
    let told = notices.next().await.unwrap().to_string();
    assert_eq!(told, "only your own processes are captured, start with sudo to capture all users'");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_passed_is_told_once_a_process() {
    let (helper, _capture, mut notices) = Helper::capturing().await;
    helper.send(&record(2, None, "wireguard"));
    let notice = |kind, process, count| {
        Message::Notice(Notice { kind, process, destination: Some(SERVER), count })
    };
    helper.send(&notice(NoticeKind::BoundDevice, Some(2), 1));
    helper.send(&notice(NoticeKind::BoundDevice, Some(2), 4));
    helper.send(&notice(NoticeKind::Marked, Some(2), 3));
    helper.send(&notice(NoticeKind::Stale, None, 2));
    helper.send(&Message::Notice(Notice {
        kind: NoticeKind::Reset,
        process: None,
        destination: None,
        count: 1,
    }));
    drop(helper);
    let mut told = Vec::new();
    while let Some(notice) = notices.next().await {
        told.push(notice.to_string());
    }
    let expected = [
        "passed: wireguard (pid 1002) uses a socket bound to a device, to 192.0.2.1:443",
        "passed: wireguard (pid 1002) uses a socket with a mark, to 192.0.2.1:443 (3 times)",
        "passed: a program connected while this proxy was too busy, to 192.0.2.1:443 (2 times)",
        "1 open connection reset, to be made anew",
    ];
    assert_eq!(told, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_takes_no_flows_gives_no_sign_of_life() {
    let (mut helper, mut capture, _notices) = Helper::capturing().await;
    assert_eq!(helper.receive_any(), Some(Message::Beat));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect("127.0.0.1:9").unwrap();
    let client = socket.local_addr().unwrap();
    // As many as wait, and one that does not find room.
    for id in 0..257 {
        let transport = sidestream_flow::Transport::Udp;
        let flow = helper::flow(id, transport, client, SERVER, FlowVerdict::Intercept);
        helper.send_with(&flow.into(), &[socket.as_fd()]);
    }
    // One may be under way, and then another one before all flows were there.
    let (mut helper, beats) = tokio::task::spawn_blocking(move || {
        let beats = helper.count_for(Duration::from_millis(1500));
        (helper, beats)
    })
    .await
    .unwrap();
    assert!(beats <= 3, "{beats}");
    for _ in 0..257 {
        next(&mut capture).await;
    }
    assert_eq!(helper.receive_any(), Some(Message::Beat));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_capture_that_is_dropped_hangs_up() {
    let (mut helper, capture, _notices) = Helper::capturing().await;
    drop(capture);
    assert_eq!(helper.receive(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_took_before_a_capture_was_stopped_is_passed() {
    let (mut helper, capture, _notices) = Helper::capturing().await;
    let origin = Origin::echo();
    let mut clients = vec![helper.connect(1, origin.addr(), FlowVerdict::Intercept)];
    let stopped = tokio::spawn(capture.stop());
    assert_eq!(helper.receive(), Some(Message::Stop));
    // What had been captured just before.
    clients.push(helper.connect(2, origin.addr(), FlowVerdict::Intercept));
    drop(helper);
    for client in &mut clients {
        client.write_all(b"unseen").unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        let mut back = Vec::new();
        client.read_to_end(&mut back).unwrap();
        assert_eq!(back, b"unseen");
    }
    stopped.await.unwrap();
}
