//! Whose connections are diverted, and whose are left alone.

use std::thread;

use sidestream_bpf::{Event, Hooks, Knock, PassReason, Ports, RouteEntry, Slot, Verdict, Verdicts};

use crate::client::{Client, started_ns};
use crate::ground::{Ground, enter_namespace, on_ground, on_ground_with, options};

const CONNECT: &str = "socket.create_connection(('192.0.2.7', 80), 5)";
const INTERCEPT: Verdicts =
    Verdicts { own: Verdict::Intercept, child: Verdict::Intercept, is_in_tree: false };

/// Connects; says whether that was diverted. Without us there is no route.
fn is_diverted(ground: &Ground, client: &mut Client) -> bool {
    let before = ground.hooks.counters().captured_tcp;
    let outcome = client.run(CONNECT);
    let diverted = ground.hooks.counters().captured_tcp > before;
    assert_eq!(outcome, if diverted { "None" } else { "ENETUNREACH" });
    if diverted {
        // The backlog must not fill up.
        ground.tcp4.accept().unwrap();
    }
    diverted
}

#[test]
fn follows_the_verdict_on_the_process() {
    on_ground("follows_the_verdict_on_the_process", |ground| {
        let mut client = Client::start();
        let (pid, started) = (client.pid(), started_ns(client.pid()));
        assert!(!is_diverted(ground, &mut client), "no entry");
        let mut check = |own, started, uid, epoch, expected, what| {
            let verdicts = Verdicts { own, child: Verdict::Pass, ..Verdicts::default() };
            ground.hooks.set_process(pid, started, uid, verdicts, epoch).unwrap();
            assert_eq!(is_diverted(ground, &mut client), expected, "{what}");
        };
        check(Verdict::Intercept, started, 0, 0, true, "intercept");
        check(Verdict::Undecided, started, 0, 0, true, "undecided");
        check(Verdict::Pass, started, 0, 0, false, "pass");
        check(Verdict::Intercept, started + 9_999_999, 0, 0, true, "the same tick");
        check(Verdict::Intercept, started + 10_000_000, 0, 0, false, "another process");
        check(Verdict::Intercept, started, 65_534, 0, false, "another user");
        check(Verdict::Intercept, started, 0, u32::MAX, false, "the last epoch");
        check(Verdict::Intercept, started, 0, 2, false, "an epoch to come");
        check(Verdict::Intercept, started, 0, 1, true, "the next epoch");
        ground.hooks.set_epoch(u32::MAX);
        check(Verdict::Intercept, started, 0, 0, true, "the next epoch after the highest");
        check(Verdict::Intercept, started, 0, 1, false, "an epoch to come");
        ground.hooks.set_epoch(1);
        assert!(is_diverted(ground, &mut client), "its epoch came");
        ground.hooks.set_epoch(2);
        assert!(!is_diverted(ground, &mut client), "its epoch has gone");
        ground.hooks.set_epoch(1);
        ground.hooks.forget_process(pid).unwrap();
        assert!(!is_diverted(ground, &mut client), "forgotten");
    });
}

#[test]
fn leaves_other_users_alone() {
    let mut limited = options();
    limited.uid = Some(65_533);
    on_ground_with("leaves_other_users_alone", limited, |ground| {
        let mut client = ground.client();
        assert!(!is_diverted(ground, &mut client));
        assert_eq!(ground.hooks.counters().other_user, 1);
        // The real user counts, not the effective one.
        assert_eq!(client.run("os.setresuid(0, 65533, 0)"), "None");
        assert!(!is_diverted(ground, &mut client));
        assert_eq!(client.run("os.setresuid(0, 0, 0); os.setresuid(65533, 0, 0)"), "None");
        let pid = client.pid();
        ground.hooks.set_process(pid, started_ns(pid), 65_533, INTERCEPT, 0).unwrap();
        assert!(is_diverted(ground, &mut client));
    });
}

#[test]
fn leaves_everything_alone_when_the_proxy_does_not_beat() {
    on_ground("leaves_everything_alone_when_the_proxy_does_not_beat", |ground| {
        let mut client = ground.client();
        assert!(is_diverted(ground, &mut client));
        ground.stop_beating();
        let stale = crate::ground::eventually(|| (!is_diverted(ground, &mut client)).then_some(()));
        assert_eq!(stale, Some(()));
        assert!(ground.hooks.counters().stale >= 1);
        ground.hooks.beat().unwrap();
        assert!(is_diverted(ground, &mut client));
    });
}

#[test]
fn leaves_a_process_alone_that_knocks() {
    on_ground("leaves_a_process_alone_that_knocks", |ground| {
        let mut client = ground.client();
        let knock = Knock::random();
        let code =
            format!("socket.create_connection(('{}', {}))", knock.addr().ip(), knock.addr().port());
        assert_eq!(ground.hooks.knocked().unwrap(), None);
        ground.hooks.expect_knock(knock).unwrap();
        let other = format!("socket.create_connection(('127.64.0.1', {}))", knock.addr().port());
        client.run(&other);
        assert_eq!(ground.hooks.knocked().unwrap(), None, "it must be the right address");
        assert!(is_diverted(ground, &mut client));

        assert_eq!(client.run(&code), "EPERM");
        assert_eq!(ground.hooks.knocked().unwrap(), Some(client.pid()));
        assert!(!is_diverted(ground, &mut client));
        assert_eq!(ground.hooks.counters().own, 1);
        // A knock counts once.
        assert_eq!(ground.client().run(&code), "ECONNREFUSED");
        assert_eq!(ground.hooks.knocked().unwrap(), Some(client.pid()));
    });
}

#[test]
fn denies_direct_connections_to_a_slot() {
    on_ground("denies_direct_connections_to_a_slot", |ground| {
        let (mut victim, mut other) = (ground.client(), Client::start());
        ground.ports.udp4 = 9;
        ground.hooks.set_net(ground.net, ground.ports).unwrap();
        victim.run("s = socket.create_connection(('192.0.2.7', 80))");
        let (_stream, slot, _) = ground.accept();
        let port = ground.ports.tcp4;
        let mut check = |addr: String, port, expected: &str| {
            let outcome = other.run(&format!("socket.create_connection(('{addr}', {port}), 5)"));
            assert_eq!(outcome, expected, "{addr} {port}");
        };
        check(slot.v4().to_string(), port, "EPERM");
        check(format!("::ffff:{}", slot.v4()), port, "EPERM");
        check(Slot::new(1).v6().to_string(), ground.ports.tcp6, "EPERM");
        // Other ports of these addresses are none of our business.
        check(slot.v4().to_string(), 1, "ECONNREFUSED");
        let sent = format!(
            "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('{}', {}))",
            slot.v4(),
            ground.ports.udp4
        );
        assert_eq!(other.run(&sent), "EPERM");
        assert_eq!(ground.hooks.counters().denied, 4);
    });
}

#[test]
fn leaves_marked_and_device_bound_sockets_alone_and_tells() {
    on_ground("leaves_marked_and_device_bound_sockets_alone_and_tells", |ground| {
        let mut client = ground.client();
        let connect = "s.connect(('192.0.2.7', 80))";
        let marked = format!("s = socket.socket(); s.setsockopt(1, 36, 7); {connect}");
        for _ in 0..3 {
            assert_eq!(client.run(&marked), "ENETUNREACH");
        }
        let pid = client.pid();
        let (reason, destination) = ground.event(|event| match event {
            Event::Passed { reason, pid: by, destination, .. } if *by == pid => {
                Some((*reason, *destination))
            }
            _ => None,
        });
        assert_eq!(reason, PassReason::Marked);
        assert_eq!(destination, "192.0.2.7:80".parse().unwrap());
        let made = std::process::Command::new("ip")
            .args(["tuntap", "add", "bound0", "mode", "tun"])
            .status();
        if made.is_ok_and(|status| status.success()) {
            client.run(&format!("s = socket.socket(); s.setsockopt(1, 25, b'bound0'); {connect}"));
            assert_eq!(ground.hooks.counters().bound_device, 1);
        }
        // Told once a process, counted each time; loopback is not another device.
        assert_eq!(ground.hooks.counters().marked, 3);
        assert_eq!(
            client.run(
                "s = socket.socket(); s.setsockopt(1, 25, b'lo'); s.connect(('192.0.2.7', 80))"
            ),
            "None"
        );
        while let Some(event) = ground.events.next() {
            assert!(
                !matches!(event, Event::Passed { reason: PassReason::Marked, .. }),
                "{event:?}"
            );
        }
    });
}

#[test]
fn leaves_namespaces_without_listeners_alone_and_tells_once() {
    on_ground("leaves_namespaces_without_listeners_alone_and_tells_once", |ground| {
        let (hooks, here) = (ground.hooks.clone(), ground.net);
        let elsewhere = thread::spawn(move || {
            enter_namespace();
            let there = hooks.net_cookie().unwrap();
            assert_ne!(there, here);
            let mut client = Client::start();
            let pid = client.pid();
            hooks.set_process(pid, started_ns(pid), 0, INTERCEPT, 0).unwrap();
            assert_eq!([client.run(CONNECT), client.run(CONNECT)], ["ENETUNREACH", "ENETUNREACH"]);
            (pid, there)
        });
        let (pid, there) = elsewhere.join().unwrap();
        let (mut passed, mut nets) = (0, Vec::new());
        while let Some(event) = ground.events.next() {
            match event {
                Event::Passed { reason: PassReason::ForeignNetns, pid: by, .. } if by == pid => {
                    passed += 1;
                }
                Event::Namespace { cookie, .. } if cookie.is_none_or(|it| it == there) => {
                    nets.push(cookie);
                }
                _ => {}
            }
        }
        assert_eq!(passed, 1);
        assert!(matches!(nets[..], [Some(_)] | [None, ..]), "{nets:?}");
        ground.hooks.remove_net(ground.net).unwrap();
        assert!(!is_diverted(ground, &mut ground.client()));
    });
}

#[test]
fn each_namespace_has_routes_of_its_own() {
    on_ground("each_namespace_has_routes_of_its_own", |ground| {
        let (hooks, ports) = (ground.hooks.clone(), ground.ports);
        let elsewhere = thread::spawn(move || {
            enter_namespace();
            let listener = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
            let tcp4 = listener.local_addr().unwrap().port();
            let cookie = hooks.net_cookie().unwrap();
            hooks.set_net(cookie, Ports { tcp4, net: 7, ..ports }).unwrap();
            let mut client = Client::start();
            let pid = client.pid();
            hooks.set_process(pid, started_ns(pid), 0, INTERCEPT, 0).unwrap();
            assert_eq!(client.run(CONNECT), "ENETUNREACH", "the routes are another's");
            let source = Some([10, 7, 0, 1].into());
            let route = RouteEntry { addr: [0, 0, 0, 0].into(), prefix_len: 0, source };
            hooks.set_routes(7, &[route]).unwrap();
            assert_eq!(client.run(CONNECT), "None");
            let (stream, _) = listener.accept().unwrap();
            let slot = Slot::of(stream.local_addr().unwrap()).unwrap();
            let origin = hooks.origin(slot).unwrap().unwrap();
            assert_eq!((origin.source, origin.netns_cookie), (source, cookie));
            hooks.set_routes(7, &[]).unwrap();
            assert_eq!(client.run(CONNECT), "ENETUNREACH");
        });
        elsewhere.join().unwrap();
        assert!(is_diverted(ground, &mut ground.client()), "the first one's stay");
    });
}

#[test]
fn leaves_connections_alone_when_no_slot_is_free() {
    let mut small = options();
    small.slots = 8;
    on_ground_with("leaves_connections_alone_when_no_slot_is_free", small, |ground| {
        let mut client = ground.client();
        let code = "a = [socket.socket() for _ in range(64)]\n\
                    def connect(s):\n\
                    \x20   try: s.connect(('192.0.2.7', 80))\n\
                    \x20   except OSError as e: return errno.errorcode[e.errno]\n\
                    result = {x for x in map(connect, a)} == {None, 'ENETUNREACH'}";
        assert_eq!(client.run(&format!("import errno\n{code}")), "True");
        let counters = ground.hooks.counters();
        assert_eq!(counters.captured_tcp + counters.full, 64);
        assert!(counters.captured_tcp >= 8, "{counters:?}");
        // The slots of closed sockets are free again, once they are swept.
        client.run("a = None");
        ground.hooks.sweep(std::time::Duration::ZERO).unwrap();
        assert!(is_diverted(ground, &mut client));
    });
}

#[test]
fn works_beside_another_instance() {
    on_ground("works_beside_another_instance", |ground| {
        let other: Hooks = Hooks::load(&options()).unwrap();
        let mut client = ground.client();
        let shown =
            client.run("s = socket.create_connection(('192.0.2.7', 80)); result = s.getpeername()");
        assert_eq!(shown, "('192.0.2.7', 80)");
        let (_stream, slot, _) = ground.accept();
        assert_eq!(other.origin(slot).unwrap(), None);
        drop(other);
        assert_eq!(client.run("result = s.getpeername()"), "('192.0.2.7', 80)");
        assert!(is_diverted(ground, &mut client));
    });
}
