//! TCP connections are diverted, and the program sees what it would see without us.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr};

use sidestream_bpf::{Event, PassReason, Verdict};
use sidestream_flow::Transport;

use crate::client::started_ns;
use crate::ground::{Ground, SOURCE_V4, SOURCE_V6, on_ground};

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn diverts_ipv4_and_shows_true_addresses() {
    on_ground("diverts_ipv4_and_shows_true_addresses", |ground| {
        let mut client = ground.client();
        let shown = client.run(
            "s = socket.create_connection(('192.0.2.7', 80)); \
             result = s.getpeername() + s.getsockname()[:1]",
        );
        assert_eq!(shown, format!("('192.0.2.7', 80, '{SOURCE_V4}')"));
        let (mut stream, _, origin) = ground.accept();
        assert_eq!(origin.destination, addr("192.0.2.7:80"));
        assert_eq!((origin.source, origin.bound), (Some(SOURCE_V4), None));
        assert_eq!((origin.transport, origin.verdict), (Transport::Tcp, Verdict::Intercept));
        assert_eq!((origin.pid, origin.tid), (client.pid(), client.pid()));
        assert_eq!((origin.uid, origin.parent), (0, std::process::id()));
        assert_eq!(origin.started_ns / 10_000_000, started_ns(client.pid()) / 10_000_000);
        assert_eq!((origin.comm.as_str(), origin.netns_cookie), ("python3", ground.net));
        assert!(origin.exe.starts_with("python3"), "{}", origin.exe);
        assert!(!origin.mptcp && !origin.v4_mapped && !origin.closed);

        stream.write_all(b"hello").unwrap();
        assert_eq!(client.run("result = s.recv(5)"), "b'hello'");
        client.run("s.sendall(b'bye'); s.close()");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"bye");
        assert_eq!(ground.hooks.counters().captured_tcp, 1);
    });
}

#[test]
fn diverts_ipv6_and_shows_true_addresses() {
    on_ground("diverts_ipv6_and_shows_true_addresses", |ground| {
        let mut client = ground.client();
        let shown = client.run(
            "s = socket.create_connection(('2001:db8::7', 443)); \
             result = s.getpeername()[:2] + s.getsockname()[:1]",
        );
        assert_eq!(shown, format!("('2001:db8::7', 443, '{SOURCE_V6}')"));
        let (_stream, _, origin) = ground.accept_on(&ground.tcp6);
        assert_eq!(origin.destination, addr("[2001:db8::7]:443"));
        assert_eq!(origin.source, Some(SOURCE_V6));
    });
}

#[test]
fn diverts_ipv4_mapped_into_ipv6() {
    on_ground("diverts_ipv4_mapped_into_ipv6", |ground| {
        let mut client = ground.client();
        let shown = client.run(
            "s = socket.socket(socket.AF_INET6); s.connect(('::ffff:192.0.2.7', 80)); \
             result = s.getpeername()[:2] + s.getsockname()[:1]",
        );
        assert_eq!(shown, format!("('::ffff:192.0.2.7', 80, '::ffff:{SOURCE_V4}')"));
        let (_stream, _, origin) = ground.accept();
        assert_eq!(origin.destination, addr("192.0.2.7:80"));
        assert!(origin.v4_mapped);
    });
}

#[test]
fn takes_the_unspecified_address_for_loopback() {
    on_ground("takes_the_unspecified_address_for_loopback", |ground| {
        let mut client = ground.client();
        client.run("a = socket.create_connection(('0.0.0.0', 80))");
        assert_eq!(ground.accept().2.destination, addr("127.0.0.1:80"));
        client.run("b = socket.create_connection(('::', 80))");
        assert_eq!(ground.accept_on(&ground.tcp6).2.destination, addr("[::1]:80"));
        assert_eq!(client.run("result = b.getsockname()[0]"), "::1");
    });
}

#[test]
fn keeps_the_source_that_a_program_bound() {
    on_ground("keeps_the_source_that_a_program_bound", |ground| {
        let bound = |ground: &Ground, source: &str, destination: &str| {
            let mut client = ground.client();
            let shown = client.run(&format!(
                "s = socket.create_connection(('{destination}', 80), source_address=('{source}', 0)); \
                 result = s.getsockname()[0]"
            ));
            assert_eq!(shown, source);
            client
        };
        let _client = bound(ground, "198.51.100.5", "192.0.2.7");
        let expected: IpAddr = "198.51.100.5".parse().unwrap();
        assert_eq!(ground.accept().2.bound, Some(expected));
        let _client = bound(ground, "2001:db8:5::5", "2001:db8::7");
        let expected: IpAddr = "2001:db8:5::5".parse().unwrap();
        assert_eq!(ground.accept_on(&ground.tcp6).2.bound, Some(expected));
    });
}

#[test]
fn diverts_multipath_tcp() {
    on_ground("diverts_multipath_tcp", |ground| {
        let mut client = ground.client();
        let made = client.run("s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)");
        if made != "None" {
            return sidestream_testkit::skip("diverts_multipath_tcp", "a kernel without MPTCP");
        }
        let shown = client
            .run("s.connect(('192.0.2.7', 80)); result = s.getpeername() + s.getsockname()[:1]");
        let (_stream, slot, origin) = ground.accept();
        assert_eq!(shown, format!("('192.0.2.7', 80, '{SOURCE_V4}')"));
        assert_eq!(origin.destination, addr("192.0.2.7:80"));
        assert!(origin.mptcp);
        client.run("s.close()");
        assert_eq!(ground.hooks.origin(slot).unwrap(), None);
    });
}

#[test]
fn frees_the_slot_of_multipath_tcp_whose_first_subflow_went_before() {
    const NAME: &str = "frees_the_slot_of_multipath_tcp_whose_first_subflow_went_before";
    on_ground(NAME, |ground| {
        let mut client = ground.client();
        if client.run("s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)") != "None" {
            return sidestream_testkit::skip(NAME, "a kernel without MPTCP");
        }
        client.run("s.connect(('192.0.2.7', 80))");
        let (stream, slot, _) = ground.accept();
        // A reset ends the subflow, and the socket that the program has stays.
        socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO)).unwrap();
        drop(stream);
        let ended = client.run("s.settimeout(10); s.recv(1)");
        assert!(["ECONNRESET", "None"].contains(&ended.as_str()), "{ended}");
        assert!(ground.hooks.origin(slot).unwrap().is_some(), "the socket is open");
        client.run("s.close()");
        assert_eq!(ground.hooks.origin(slot).unwrap(), None);
    });
}

#[test]
fn leaves_connections_alone_that_would_wait_at_a_full_listener() {
    on_ground("leaves_connections_alone_that_would_wait_at_a_full_listener", |ground| {
        const ROOM: usize = 8;
        let mut client = ground.client();
        ground.ports.backlog = ROOM as u32;
        ground.hooks.set_net(ground.net, ground.ports).unwrap();
        let connect = "a = [socket.socket() for _ in range(20)]\n\
                       def connect(s):\n\
                       \x20   try: s.connect(('192.0.2.7', 80)); return 1\n\
                       \x20   except OSError: return 0\n\
                       result = sum(map(connect, a))";
        assert_eq!(client.run(connect), ROOM.to_string());
        assert_eq!(ground.hooks.counters().backlog, 20 - ROOM as u64);
        let told = ground.event(|event| match event {
            Event::Passed { reason, destination, .. } => Some((*reason, *destination)),
            _ => None,
        });
        assert_eq!(told, (PassReason::Backlog, addr("192.0.2.7:80")));
        // Whoever was accepted, or is known not to have come, makes room.
        ground.accept();
        assert_eq!(client.run(connect), "1");
        let come = ground.hooks.diverted(false);
        ground.hooks.none_waits(false, come);
        assert_eq!(client.run(connect), ROOM.to_string());
        assert_eq!(ground.hooks.counters().full, 0);
    });
}

#[test]
fn diverts_tcp_fast_open() {
    on_ground("diverts_tcp_fast_open", |ground| {
        let mut client = ground.client();
        let shown = client.run(
            "s = socket.socket(); s.sendto(b'early', 0x20000000, ('192.0.2.7', 80)); \
             result = s.getpeername()",
        );
        assert_eq!(shown, "('192.0.2.7', 80)");
        let (mut stream, _, origin) = ground.accept();
        assert_eq!(origin.destination, addr("192.0.2.7:80"));
        let mut early = [0; 5];
        stream.read_exact(&mut early).unwrap();
        assert_eq!(&early, b"early");
    });
}

#[test]
fn diverts_a_socket_again_after_a_failed_connect() {
    on_ground("diverts_a_socket_again_after_a_failed_connect", |ground| {
        let mut client = ground.client();
        // Nobody listens on a port of ours that is gone: the first connect is refused.
        let mut ports = ground.ports;
        ports.tcp4 = 1;
        ground.hooks.set_net(ground.net, ports).unwrap();
        let refused = client.run("s = socket.socket(); s.connect(('192.0.2.7', 80))");
        assert_eq!(refused, "ECONNREFUSED");
        ground.hooks.set_net(ground.net, ground.ports).unwrap();
        let shown = client.run("s.connect(('192.0.2.8', 81)); result = s.getpeername()");
        assert_eq!(shown, "('192.0.2.8', 81)");
        let (_stream, slot, origin) = ground.accept();
        assert_eq!(origin.destination, addr("192.0.2.8:81"));
        client.run("s.close()");
        assert_eq!(ground.hooks.origin(slot).unwrap(), None);
    });
}

#[test]
fn leaves_connections_that_take_no_route_alone() {
    on_ground("leaves_connections_that_take_no_route_alone", |ground| {
        let mut client = ground.client();
        let check = |client: &mut crate::client::Client, host: &str, expected: &str| {
            let outcome = client.run(&format!("socket.create_connection(('{host}', 80), 2)"));
            assert_eq!(outcome, expected, "{host}");
        };
        check(&mut client, "203.0.113.1", "ENETUNREACH");
        ground.hooks.set_routes(0, &[]).unwrap();
        check(&mut client, "192.0.2.7", "ENETUNREACH");
        check(&mut client, "2001:db8::7", "ENETUNREACH");
        assert_eq!(ground.hooks.counters().no_route, 3);
    });
}
