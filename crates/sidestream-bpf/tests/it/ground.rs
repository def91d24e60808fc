//! A network namespace with listeners, routes and loaded hooks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sidestream_bpf::{
    Event, Events, Hooks, LoadOptions, Origin, Ports, RouteEntry, Slot, Verdict, Verdicts,
};

use crate::client::{Client, started_ns};

/// The program's address towards everything but loopback.
pub(crate) const SOURCE_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 100));
pub(crate) const SOURCE_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x100));

/// The hooks and our end of what they divert.
pub(crate) struct Ground {
    pub(crate) hooks: Arc<Hooks>,
    pub(crate) events: Events,
    pub(crate) net: u64,
    pub(crate) ports: Ports,
    pub(crate) tcp4: TcpListener,
    pub(crate) tcp6: TcpListener,
    beats: Arc<AtomicBool>,
}

/// Processes without an entry are left alone: the rest of the machine is.
pub(crate) fn options() -> LoadOptions {
    let mut options = LoadOptions::default();
    options.default = Verdict::Pass;
    options.slots = 1024;
    options
}

/// Runs `test` on a thread of its own, within a new network namespace; skipped without the rights.
pub(crate) fn on_ground(name: &'static str, test: fn(&mut Ground)) {
    on_ground_with(name, options(), test);
}

pub(crate) fn on_ground_with(name: &'static str, options: LoadOptions, test: fn(&mut Ground)) {
    in_namespace(name, move || {
        let mut ground = Ground::new(&options);
        test(&mut ground);
        ground.beats.store(false, Ordering::Relaxed);
    });
}

/// Runs `test` on a thread of its own, within a new network namespace.
pub(crate) fn in_namespace(name: &'static str, test: impl FnOnce() + Send + 'static) {
    if !sidestream_testkit::is_root() {
        return sidestream_testkit::skip(name, "needs root");
    }
    let run = move || {
        enter_namespace();
        test();
    };
    let outcome = thread::Builder::new().name(name.to_owned()).spawn(run).unwrap().join();
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

/// Moves the calling thread into a new network namespace with a loopback.
pub(crate) fn enter_namespace() {
    // SAFETY: the call has no pointers; it concerns the calling thread alone.
    let result = unsafe { libc::unshare(libc::CLONE_NEWNET) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    ip("link set lo up");
    ip("-6 route add local fd73:6473::/32 dev lo");
    ip("addr add 198.51.100.5/32 dev lo");
    ip("-6 addr add 2001:db8:5::5/128 dev lo nodad");
}

fn ip(arguments: &str) {
    assert!(Command::new("ip").args(arguments.split(' ')).status().unwrap().success());
}

impl Ground {
    pub(crate) fn new(options: &LoadOptions) -> Self {
        let mut hooks = Hooks::load(options).unwrap();
        let events = hooks.events().unwrap();
        let tcp4 = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let tcp6 = v6_only_listener();
        let ports = Ports {
            tcp4: tcp4.local_addr().unwrap().port(),
            tcp6: tcp6.local_addr().unwrap().port(),
            ..Ports::default()
        };
        let net = hooks.net_cookie().unwrap();
        hooks.set_net(net, ports).unwrap();
        hooks.set_routes(0, &routes()).unwrap();
        let (hooks, beats) = (Arc::new(hooks), Arc::new(AtomicBool::new(true)));
        hooks.beat().unwrap();
        keep_beating(&hooks, &beats);
        Self { hooks, events, net, ports, tcp4, tcp6, beats }
    }

    /// Starts a client whose connections are diverted.
    pub(crate) fn client(&self) -> Client {
        self.client_with(Verdicts {
            own: Verdict::Intercept,
            child: Verdict::Intercept,
            is_in_tree: false,
        })
    }

    pub(crate) fn client_with(&self, verdicts: Verdicts) -> Client {
        let client = Client::start();
        let pid = client.pid();
        self.hooks.set_process(pid, started_ns(pid), 0, verdicts, 0).unwrap();
        client
    }

    /// Accepts what was diverted over IPv4.
    pub(crate) fn accept(&self) -> (TcpStream, Slot, Origin) {
        self.accept_on(&self.tcp4)
    }

    pub(crate) fn accept_on(&self, listener: &TcpListener) -> (TcpStream, Slot, Origin) {
        let (stream, _) = listener.accept().unwrap();
        let slot = Slot::of(stream.local_addr().unwrap()).unwrap();
        let origin = self.hooks.origin(slot).unwrap().unwrap();
        (stream, slot, origin)
    }

    /// Lets the heart of the proxy stand still.
    pub(crate) fn stop_beating(&self) {
        self.beats.store(false, Ordering::Relaxed);
    }

    /// Waits for an event that `wanted` gives something for.
    pub(crate) fn event<T>(&mut self, wanted: impl Fn(&Event) -> Option<T>) -> T {
        let found =
            eventually(|| std::iter::from_fn(|| self.events.next()).find_map(|e| wanted(&e)));
        found.expect("the event comes")
    }
}

/// Gives what `check` gives first, or `None` after ten seconds.
pub(crate) fn eventually<T>(mut check: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(found) = check() {
            return Some(found);
        }
        if Instant::now() > end {
            return None;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// A default route in each family, loopback, and a network that is not reachable.
pub(crate) fn routes() -> Vec<RouteEntry> {
    let entry = |addr: &str, prefix_len, source: Option<&str>| RouteEntry {
        addr: addr.parse().unwrap(),
        prefix_len,
        source: source.map(|source| source.parse().unwrap()),
    };
    vec![
        entry("0.0.0.0", 0, Some(&SOURCE_V4.to_string())),
        entry("127.0.0.0", 8, Some("127.0.0.1")),
        entry("203.0.113.0", 24, None),
        entry("::", 0, Some(&SOURCE_V6.to_string())),
        entry("::1", 128, Some("::1")),
    ]
}

fn v6_only_listener() -> TcpListener {
    let socket = socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::STREAM, None).unwrap();
    socket.set_only_v6(true).unwrap();
    socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)).into()).unwrap();
    socket.listen(128).unwrap();
    socket.into()
}

fn keep_beating(hooks: &Arc<Hooks>, beats: &Arc<AtomicBool>) {
    let (hooks, beats) = (Arc::downgrade(hooks), Arc::clone(beats));
    thread::spawn(move || {
        while beats.load(Ordering::Relaxed) {
            let Some(hooks) = hooks.upgrade() else { return };
            hooks.beat().unwrap();
            drop(hooks);
            thread::sleep(Duration::from_millis(50));
        }
    });
}
