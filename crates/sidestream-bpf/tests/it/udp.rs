//! UDP is diverted by destination, and answers come from where they should.

use std::net::SocketAddr;

use sidestream_bpf::{Event, Origin, Slot};
use sidestream_flow::Transport;

use crate::client::Client;
use crate::ground::{Ground, SOURCE_V4, SOURCE_V6, on_ground};

/// Our end: receives with the destination address, and answers from it.
const SERVER: &str = r"
u4 = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u4.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
u4.setsockopt(socket.IPPROTO_IP, 8, 1)
u4.bind(('0.0.0.0', 0))
u6 = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
u6.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
u6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
u6.setsockopt(socket.IPPROTO_IPV6, 49, 1)
u6.bind(('::', 0))
for u in u4, u6:
    u.settimeout(10)
def receive(u):
    global last
    data, extra, _, peer = u.recvmsg(2048, 256)
    v4 = u is u4
    to = extra[0][2][8:12] if v4 else extra[0][2][:16]
    to = socket.inet_ntop(socket.AF_INET if v4 else socket.AF_INET6, to)
    last = (v4, to, peer)
    return '%s %s' % (to, data.decode())
def answer(data):
    v4, at, peer = last
    s = socket.socket(socket.AF_INET if v4 else socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if not v4:
        s.setsockopt(socket.IPPROTO_IPV6, 78, 1)
    s.bind((at, (u4 if v4 else u6).getsockname()[1]))
    s.sendto(data, peer)
result = '%d %d' % (u4.getsockname()[1], u6.getsockname()[1])
";

/// Where diverted datagrams arrive.
struct Server(Client);

impl Server {
    fn start(ground: &Ground) -> Self {
        let mut server = Client::start();
        let shown = server.run(SERVER);
        let (udp4, udp6) = shown.split_once(' ').unwrap();
        let mut ports = ground.ports;
        (ports.udp4, ports.udp6) = (udp4.parse().unwrap(), udp6.parse().unwrap());
        ground.hooks.set_net(ground.net, ports).unwrap();
        Self(server)
    }

    /// Receives one datagram on `u4` or `u6`, and looks its origin up.
    fn receive(&mut self, ground: &Ground, on: &str) -> (Slot, Origin, String) {
        let shown = self.0.run(&format!("result = receive({on})"));
        let (to, data) = shown.split_once(' ').unwrap_or_else(|| panic!("{shown}"));
        let slot = Slot::of(SocketAddr::new(to.parse().unwrap(), 0)).unwrap();
        (slot, ground.hooks.origin(slot).unwrap().unwrap(), data.to_owned())
    }

    fn answer(&mut self, data: &str) {
        assert_eq!(self.0.run(&format!("answer(b'{data}')")), "None");
    }
}

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

const NEW_V4: &str = "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(10); ";
const NEW_V6: &str = "s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.settimeout(10); ";

#[test]
fn answers_a_socket_that_is_not_connected() {
    on_ground("answers_a_socket_that_is_not_connected", |ground| {
        let (mut server, mut client) = (Server::start(ground), ground.client());
        let check =
            |ground: &mut Ground, server: &mut Server, client: &mut Client, new, to, on, shown| {
                client.run(&format!("{new} s.sendto(b'ask', ('{to}', 53))"));
                let (_, origin, data) = server.receive(ground, on);
                assert_eq!(data, "ask");
                assert_eq!(origin.transport, Transport::Udp);
                server.answer("reply");
                let code = "d, a = s.recvfrom(99); result = '%s %s' % (d, a[:2])";
                assert_eq!(client.run(code), shown);
                origin
            };
        let origin = check(
            ground,
            &mut server,
            &mut client,
            NEW_V4,
            "192.0.2.53",
            "u4",
            "b'reply' ('192.0.2.53', 53)",
        );
        assert_eq!((origin.destination, origin.source), (addr("192.0.2.53:53"), Some(SOURCE_V4)));
        let origin = check(
            ground,
            &mut server,
            &mut client,
            NEW_V6,
            "2001:db8::53",
            "u6",
            "b'reply' ('2001:db8::53', 53)",
        );
        assert_eq!(
            (origin.destination, origin.source),
            (addr("[2001:db8::53]:53"), Some(SOURCE_V6))
        );
        let origin = check(
            ground,
            &mut server,
            &mut client,
            NEW_V6,
            "::ffff:192.0.2.53",
            "u4",
            "b'reply' ('::ffff:192.0.2.53', 53)",
        );
        assert_eq!(origin.destination, addr("192.0.2.53:53"));
        assert!(origin.v4_mapped);
    });
}

#[test]
fn answers_a_connected_socket() {
    on_ground("answers_a_connected_socket", |ground| {
        let (mut server, mut client) = (Server::start(ground), ground.client());
        let check = |ground: &mut Ground,
                     server: &mut Server,
                     client: &mut Client,
                     new,
                     to,
                     on,
                     shown: String| {
            let code = format!(
                "{new} s.connect(('{to}', 53)); s.send(b'ask'); \
                 result = s.getpeername()[:2] + s.getsockname()[:1]"
            );
            assert_eq!(client.run(&code), shown);
            let (_, origin, data) = server.receive(ground, on);
            assert_eq!((data.as_str(), origin.bound), ("ask", None));
            server.answer("reply");
            let code = "d, a = s.recvfrom(99); result = '%s %s' % (d, a[:2])";
            assert_eq!(client.run(code), format!("b'reply' ('{to}', 53)"));
        };
        check(
            ground,
            &mut server,
            &mut client,
            NEW_V4,
            "192.0.2.53",
            "u4",
            format!("('192.0.2.53', 53, '{SOURCE_V4}')"),
        );
        check(
            ground,
            &mut server,
            &mut client,
            NEW_V6,
            "2001:db8::53",
            "u6",
            format!("('2001:db8::53', 53, '{SOURCE_V6}')"),
        );
    });
}

/// A send with options shows the hooks the socket's own peer, which is fake already.
#[test]
fn leaves_a_send_with_options_on_a_connected_socket_alone() {
    on_ground("leaves_a_send_with_options_on_a_connected_socket_alone", |ground| {
        let (mut server, mut client) = (Server::start(ground), ground.client());
        for (new, to, on, level, kind) in [
            (NEW_V4, "192.0.2.53", "u4", "socket.IPPROTO_IP", "socket.IP_TOS"),
            (NEW_V6, "2001:db8::53", "u6", "socket.IPPROTO_IPV6", "socket.IPV6_TCLASS"),
        ] {
            client.run(&format!("{new} s.connect(('{to}', 53)); s.send(b'one')"));
            let (slot, ..) = server.receive(ground, on);
            let sent = client.run(&format!(
                "result = s.sendmsg([b'two'], [({level}, {kind}, struct.pack('i', 4))])"
            ));
            assert_eq!(sent, "3", "{to}");
            let (again, _, data) = server.receive(ground, on);
            assert_eq!((again, data.as_str()), (slot, "two"));
        }
        assert_eq!(ground.hooks.counters().denied, 0);
    });
}

#[test]
fn sends_from_a_connected_socket_to_another_name() {
    on_ground("sends_from_a_connected_socket_to_another_name", |ground| {
        let (mut server, mut client) = (Server::start(ground), ground.client());
        client.run(&format!("{NEW_V4} s.connect(('192.0.2.53', 53)); s.send(b'one')"));
        let (first, ..) = server.receive(ground, "u4");
        client.run("s.sendto(b'two', ('192.0.2.54', 54))");
        let (second, origin, _) = server.receive(ground, "u4");
        assert_eq!(origin.destination, addr("192.0.2.54:54"));
        assert_ne!(first, second);
        client.run("s.sendto(b'three', ('192.0.2.53', 53))");
        let (third, ..) = server.receive(ground, "u4");
        assert_eq!(third, first);
        assert_eq!(client.run("result = s.getpeername()"), "('192.0.2.53', 53)");
    });
}

#[test]
fn follows_a_socket_that_connects_elsewhere_and_disconnects() {
    on_ground("follows_a_socket_that_connects_elsewhere_and_disconnects", |ground| {
        let (mut server, mut client) = (Server::start(ground), ground.client());
        client.run(&format!("{NEW_V4} s.connect(('192.0.2.53', 53))"));
        let shown =
            client.run("s.connect(('192.0.2.54', 54)); s.send(b'x'); result = s.getpeername()");
        assert_eq!(shown, "('192.0.2.54', 54)");
        let (_, origin, _) = server.receive(ground, "u4");
        assert_eq!((origin.destination, origin.bound), (addr("192.0.2.54:54"), None));
        let shown = client.run(
            "import ctypes; c = ctypes.CDLL(None); c.connect(s.fileno(), b'\\0' * 16, 16); \
             result = s.getsockname()[0]",
        );
        assert_eq!(shown, "0.0.0.0");
        client.run("s.sendto(b'y', ('192.0.2.55', 55))");
        let (_, origin, _) = server.receive(ground, "u4");
        assert_eq!(origin.destination, addr("192.0.2.55:55"));
        assert_eq!(client.run("s.getpeername()"), "ENOTCONN");
    });
}

#[test]
fn keeps_the_source_and_path_mtu_discovery_of_a_datagram() {
    on_ground("keeps_the_source_and_path_mtu_discovery_of_a_datagram", |ground| {
        let (mut server, mut client) = (Server::start(ground), ground.client());
        client.run(&format!(
            "{NEW_V4} s.bind(('198.51.100.5', 0)); s.setsockopt(0, 10, 3); \
             s.sendto(b'x', ('192.0.2.53', 53))"
        ));
        let (_, origin, _) = server.receive(ground, "u4");
        assert_eq!(origin.bound, Some("198.51.100.5".parse().unwrap()));
        assert_eq!(origin.path_mtu_discovery, 3);
        client.run(&format!(
            "{NEW_V4} s.sendmsg([b'x'], [(0, 8, struct.pack('i', 0) + \
             socket.inet_aton('198.51.100.5') + bytes(4))], 0, ('192.0.2.53', 53))"
        ));
        let (_, origin, _) = server.receive(ground, "u4");
        assert_eq!(origin.bound, Some("198.51.100.5".parse().unwrap()));
        client.run(&format!(
            "{NEW_V6} s.setsockopt(41, 23, 2); s.sendto(b'x', ('2001:db8::53', 53))"
        ));
        let (_, origin, _) = server.receive(ground, "u6");
        assert_eq!((origin.bound, origin.path_mtu_discovery), (None, 2));
    });
}

#[test]
fn tells_each_destination_of_a_closed_socket() {
    on_ground("tells_each_destination_of_a_closed_socket", |ground| {
        let (mut server, mut client) = (Server::start(ground), ground.client());
        // More than the hooks end by themselves.
        const COUNT: usize = 150;
        client.run(NEW_V4);
        let mut slots = Vec::new();
        for port in 1..=COUNT {
            client.run(&format!("s.sendto(b'x', ('192.0.2.53', {port}))"));
            let (slot, ..) = server.receive(ground, "u4");
            slots.push(slot);
        }
        client.run("s.close()");
        let mut closed = Vec::new();
        while closed.len() < COUNT {
            closed.push(ground.event(|event| match event {
                Event::Closed { slot } => Some(*slot),
                _ => None,
            }));
        }
        closed.sort();
        slots.sort();
        assert_eq!(closed, slots);
        for slot in slots {
            assert_eq!(ground.hooks.origin(slot).unwrap(), None);
        }
        assert_eq!(ground.hooks.counters().captured_udp, COUNT as u64);
    });
}

#[test]
fn leaves_multicast_and_broadcast_alone() {
    on_ground("leaves_multicast_and_broadcast_alone", |ground| {
        let (_server, mut client) = (Server::start(ground), ground.client());
        client.run(&format!("{NEW_V4} s.sendto(b'x', ('224.0.0.251', 5353))"));
        client.run("s.sendto(b'x', ('255.255.255.255', 67))");
        client.run(&format!("{NEW_V6} s.sendto(b'x', ('ff02::fb', 5353))"));
        client.run("s.sendto(b'x', ('fe80::1', 53))");
        let counters = ground.hooks.counters();
        assert_eq!((counters.special, counters.captured_udp), (4, 0));
    });
}
