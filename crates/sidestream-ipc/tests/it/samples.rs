//! One message of each kind, with every field set.

use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use sidestream_flow::{Container, FlowKey, Process, Transport, User};
use sidestream_ipc::{
    Direction, Diverted, Flow, FlowVerdict, Hello, Level, Message, Notice, NoticeKind, OpenSocket,
    PacketTag, ProcessRecord, Refused, SetSpec, Start, Started,
};
use sidestream_packet::{Batch, Checksum, Offload};

pub(crate) fn samples() -> Vec<(&'static str, Message)> {
    let spec = || "curl".to_owned();
    vec![
        ("hello", Message::Hello(Hello::new("sidestream 0.1.0"))),
        ("start", Message::Start(Start { spec: spec(), reset_existing: true })),
        ("set_spec", Message::SetSpec(SetSpec { serial: 7, spec: spec(), reset_existing: true })),
        ("knocked", Message::Knocked),
        ("beat", Message::Beat),
        ("stop", Message::Stop),
        ("knock v4", Message::Knock("127.64.0.1:4000".parse().unwrap())),
        ("knock v6", Message::Knock("[fd73:6473::1]:4000".parse().unwrap())),
        ("started", Message::Started(Started { ipv6: true, udp: true, all_users: true })),
        (
            "refused",
            Message::Refused(Refused {
                what: "no BTF".to_owned(),
                remedy: Some("use a kernel with BTF".to_owned()),
            }),
        ),
        ("spec_set", Message::SpecSet { serial: 7, error: Some("no".to_owned()) }),
        ("process", ProcessRecord { key: 2, parent: Some(1), process: process() }.into()),
        (
            "process, bare",
            ProcessRecord { key: 3, parent: None, process: Process::default() }.into(),
        ),
        ("forget", Message::Forget { key: 2 }),
        ("flow tcp", flow(Transport::Tcp, FlowVerdict::Intercept).into()),
        ("flow udp, passed", flow(Transport::Udp, FlowVerdict::Pass).into()),
        (
            "flow, open",
            flow(Transport::Tcp, FlowVerdict::Residual("!host:*.test".to_owned())).into(),
        ),
        ("datagram", Message::Datagram { flow: 9, payload: Bytes::from_static(b"\0ping") }),
        ("datagram, empty", Message::Datagram { flow: 9, payload: Bytes::new() }),
        ("closed", Message::Closed { flow: 9 }),
        ("diverted", diverted().into()),
        ("packets", Message::Packets(packets())),
        ("packets, none", Message::Packets(Batch::default())),
        ("open", OpenSocket { serial: 8, net: 3, transport: Transport::Udp, ipv6: true }.into()),
        ("opened", Message::Opened { serial: 8, error: None }),
        ("not opened", Message::Opened { serial: 8, error: Some(97) }),
        (
            "notice",
            Message::Notice(Notice {
                kind: NoticeKind::Marked,
                process: Some(2),
                destination: Some("192.0.2.1:443".parse().unwrap()),
                count: 3,
            }),
        ),
        ("log", Message::Log { level: Level::Warn, text: "odd".to_owned() }),
    ]
}

fn diverted() -> Diverted {
    let Flow { id, key, process, .. } = flow(Transport::Tcp, FlowVerdict::Pass);
    let verdict = FlowVerdict::Residual("!host:*.test".to_owned());
    Diverted { id, key, process, verdict, direction: Direction::Outbound }
}

fn packets() -> Batch<PacketTag> {
    let mut packets = Batch::default();
    let checksum = Checksum::Partial { start: 20, offset: 16 };
    let offload = Offload { checksum, segment_size: Some(1460) };
    packets.push(b"first", PacketTag { flow: 9, offload });
    packets.push(b"second", PacketTag { flow: 300, offload: Offload::default() });
    packets
}

fn process() -> Process {
    let user = |uid, name: &str| Some(User { uid, name: Some(name.to_owned()) });
    Process {
        pid: 4711,
        started: Some(SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 5)),
        name: "curl".to_owned(),
        path: Some("/usr/bin/curl".into()),
        args: vec!["curl".to_owned(), String::new(), "-s".to_owned()],
        cwd: Some("/tmp".into()),
        user: user(1000, "alice"),
        effective_user: user(0, "root"),
        cgroup: Some("/user.slice".into()),
        unit: Some("a.service".to_owned()),
        container: Some(Container {
            id: "abc".to_owned(),
            name: Some("web".to_owned()),
            image: Some("nginx".to_owned()),
            runtime: Some("podman".to_owned()),
        }),
        netns: Some(4_026_531_840),
        package: Some("curl".to_owned()),
        parent: None,
    }
}

fn flow(transport: Transport, verdict: FlowVerdict) -> Flow {
    let server = "192.0.2.1:443".parse().unwrap();
    Flow {
        id: 9,
        key: FlowKey { transport, client: "10.0.0.2:50000".parse().unwrap(), server },
        process: Some(2),
        verdict,
        bound: Some(IpAddr::V6(Ipv6Addr::LOCALHOST)),
        path_mtu_discovery: 3,
        net: Some(3),
    }
}
