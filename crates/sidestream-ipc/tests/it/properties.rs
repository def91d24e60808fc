//! What holds for any message and any bytes.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use sidestream_flow::{Container, FlowKey, Process, Transport, User};
use sidestream_ipc::{
    DecodeError, Decoder, Direction, Diverted, Flow, FlowVerdict, Hello, Level, Message, Notice,
    NoticeKind, OpenSocket, PacketTag, ProcessRecord, Refused, SetSpec, Start, Started, encode,
    encode_packets_head,
};
use sidestream_packet::{Batch, Checksum, Offload};

fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..12).prop_map(String::from_iter)
}

fn addr() -> impl Strategy<Value = SocketAddr> {
    let v6 = any::<([u8; 16], u16, u32, u32)>()
        .prop_map(|(ip, port, flow, scope)| SocketAddrV6::new(ip.into(), port, flow, scope).into());
    prop_oneof![any::<([u8; 4], u16)>().prop_map(SocketAddr::from), v6]
}

fn ip() -> impl Strategy<Value = IpAddr> {
    addr().prop_map(|addr| addr.ip())
}

/// Any bytes but zero where a path is bytes, else any text.
fn path() -> impl Strategy<Value = PathBuf> {
    #[cfg(unix)]
    return vec(1_u8..=255, 0..12).prop_map(|bytes| {
        use std::os::unix::ffi::OsStringExt;
        PathBuf::from(std::ffi::OsString::from_vec(bytes))
    });
    #[cfg(not(unix))]
    text().prop_map(PathBuf::from)
}

/// From long before 1970 to long after it.
fn time() -> impl Strategy<Value = SystemTime> {
    (any::<bool>(), 0..u64::MAX / 1_000_000_000_000, 0..1_000_000_000_u32).prop_map(
        |(before, seconds, nanos)| {
            let span = Duration::new(seconds, nanos);
            let epoch = SystemTime::UNIX_EPOCH;
            if before { epoch - span } else { epoch + span }
        },
    )
}

fn user() -> impl Strategy<Value = User> {
    (any::<u32>(), of(text())).prop_map(|(uid, name)| User { uid, name })
}

fn container() -> impl Strategy<Value = Container> {
    (text(), of(text()), of(text()), of(text())).prop_map(|(id, name, image, runtime)| Container {
        id,
        name,
        image,
        runtime,
    })
}

fn process() -> impl Strategy<Value = Process> {
    let file = (of(path()), vec(text(), 0..4), of(path()), of(path()));
    let home = (of(text()), of(container()), of(any::<u64>()), of(text()));
    (any::<u32>(), of(time()), text(), file, of(user()), of(user()), home).prop_map(
        |(pid, started, name, (path, args, cwd, cgroup), user, effective_user, home)| {
            let (unit, container, netns, package) = home;
            Process {
                pid,
                started,
                name,
                path,
                args,
                cwd,
                user,
                effective_user,
                cgroup,
                unit,
                container,
                netns,
                package,
                parent: None,
            }
        },
    )
}

fn flow() -> impl Strategy<Value = Flow> {
    let verdict = prop_oneof![
        Just(FlowVerdict::Intercept),
        Just(FlowVerdict::Pass),
        text().prop_map(FlowVerdict::Residual)
    ];
    let transport = prop_oneof![Just(Transport::Tcp), Just(Transport::Udp)];
    let key = (transport, addr(), addr()).prop_map(|(transport, client, server)| FlowKey {
        transport,
        client,
        server,
    });
    (any::<u64>(), key, of(any::<u64>()), verdict, of(ip()), any::<u8>(), of(any::<u32>()))
        .prop_map(|(id, key, process, verdict, bound, path_mtu_discovery, net)| Flow {
            id,
            key,
            process,
            verdict,
            bound,
            path_mtu_discovery,
            net,
        })
}

fn diverted() -> impl Strategy<Value = Diverted> {
    let directions = vec![Direction::Inbound, Direction::Loopback, Direction::Outbound];
    (flow(), prop::sample::select(directions)).prop_map(|(flow, direction)| {
        let Flow { id, key, process, verdict, .. } = flow;
        Diverted { id, key, process, verdict, direction }
    })
}

fn packets() -> impl Strategy<Value = Batch<PacketTag>> {
    let checksum = prop_oneof![
        Just(Checksum::Complete),
        Just(Checksum::Verified),
        any::<(u16, u16)>().prop_map(|(start, offset)| Checksum::Partial { start, offset }),
    ];
    let offload = (checksum, of(1..=u16::MAX))
        .prop_map(|(checksum, segment_size)| Offload { checksum, segment_size });
    let tag = (prop_oneof![Just(0), any::<u64>()], prop_oneof![Just(Offload::default()), offload]);
    vec((vec(any::<u8>(), 1..200), tag), 0..6).prop_map(|packets| {
        let mut batch = Batch::default();
        for (packet, (flow, offload)) in packets {
            batch.push(&packet, PacketTag { flow, offload });
        }
        batch
    })
}

fn notice() -> impl Strategy<Value = Notice> {
    let kind = prop::sample::select(vec![
        NoticeKind::BoundDevice,
        NoticeKind::EventsLost,
        NoticeKind::ForeignNamespace,
        NoticeKind::Full,
        NoticeKind::Marked,
        NoticeKind::OtherUser,
        NoticeKind::Reset,
        NoticeKind::ResetFailed,
        NoticeKind::Stale,
        NoticeKind::Unclaimed,
    ]);
    (kind, of(any::<u64>()), of(addr()), any::<u64>()).prop_map(
        |(kind, process, destination, count)| Notice { kind, process, destination, count },
    )
}

fn message() -> impl Strategy<Value = Message> {
    let levels = vec![Level::Error, Level::Warn, Level::Info, Level::Debug, Level::Trace];
    prop_oneof![
        text().prop_map(|program| Message::Hello(Hello::new(program))),
        (text(), any::<bool>())
            .prop_map(|(spec, reset_existing)| Message::Start(Start { spec, reset_existing })),
        (any::<u64>(), text(), any::<bool>()).prop_map(|(serial, spec, reset_existing)| {
            Message::SetSpec(SetSpec { serial, spec, reset_existing })
        }),
        Just(Message::Knocked),
        Just(Message::Beat),
        Just(Message::Stop),
        addr().prop_map(Message::Knock),
        any::<(bool, bool, bool)>().prop_map(|(ipv6, udp, all_users)| {
            Message::Started(Started { ipv6, udp, all_users })
        }),
        (text(), of(text())).prop_map(|(what, remedy)| Message::Refused(Refused { what, remedy })),
        (any::<u64>(), of(text())).prop_map(|(serial, error)| Message::SpecSet { serial, error }),
        (any::<u64>(), of(any::<u64>()), process())
            .prop_map(|(key, parent, process)| ProcessRecord { key, parent, process }.into()),
        any::<u64>().prop_map(|key| Message::Forget { key }),
        flow().prop_map(Message::Flow),
        diverted().prop_map(Message::Diverted),
        packets().prop_map(Message::Packets),
        (any::<u64>(), vec(any::<u8>(), 0..40))
            .prop_map(|(flow, payload)| Message::Datagram { flow, payload: payload.into() }),
        any::<u64>().prop_map(|flow| Message::Closed { flow }),
        any::<(u64, u32, bool, bool)>().prop_map(|(serial, net, udp, ipv6)| {
            let transport = if udp { Transport::Udp } else { Transport::Tcp };
            OpenSocket { serial, net, transport, ipv6 }.into()
        }),
        (any::<u64>(), of(any::<i32>()))
            .prop_map(|(serial, error)| Message::Opened { serial, error }),
        notice().prop_map(Message::Notice),
        (prop::sample::select(levels), text())
            .prop_map(|(level, text)| Message::Log { level, text }),
    ]
}

fn encoded(messages: &[Message]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for message in messages {
        encode(message, &mut bytes).unwrap();
    }
    bytes
}

/// What is read of pieces, up to the first error, and how many bytes are left.
fn read<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Message>, Option<DecodeError>, usize) {
    let (mut decoder, mut messages) = (Decoder::new(), Vec::new());
    for piece in pieces {
        decoder.feed(piece);
        loop {
            match decoder.poll_message() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Some(error), decoder.pending_bytes()),
            }
        }
    }
    (messages, None, decoder.pending_bytes())
}

proptest! {
    #[test]
    fn any_messages_come_back_however_they_are_cut(
        messages in vec(message(), 0..8),
        sizes in vec(1_usize..64, 1..8),
    ) {
        let bytes = encoded(&messages);
        let (mut rest, mut pieces) = (&bytes[..], Vec::new());
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, later) = rest.split_at((*size).min(rest.len()));
            pieces.push(piece);
            rest = later;
        }
        prop_assert_eq!(read(pieces), (messages, None, 0));
    }

    #[test]
    fn packets_that_are_not_copied_have_the_same_frame(packets in packets()) {
        let mut uncopied = Vec::new();
        encode_packets_head(&packets, |tag| *tag, &mut uncopied).unwrap();
        uncopied.extend_from_slice(packets.bytes());
        prop_assert_eq!(uncopied, encoded(&[Message::Packets(packets)]));
    }

    #[test]
    fn any_bytes_are_waited_for_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        let (_, _, left) = read([&bytes[..]]);
        prop_assert!(left <= bytes.len());
    }

    #[test]
    fn a_changed_byte_is_an_error_or_another_message(
        messages in vec(message(), 1..4),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = encoded(&messages);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let (changed, error, _) = read([&bytes[..]]);
        let again = encoded(&changed);
        prop_assert_eq!(read([&again[..]]), (changed, None, 0));
        if let Some(error) = error {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
