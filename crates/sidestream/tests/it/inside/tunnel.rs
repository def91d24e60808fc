//! The own addresses of a tunnel, over a TUN device in namespaces of the test's own: one for the
//! machine, and for what its clients think to be their resolver another of mounts.

use std::env;
use std::net::{IpAddr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::Arc;

use sidestream::capture::{Direct, PacketDriver};
use sidestream::record::{Event, Protocol, Sink};
use sidestream::{Handle, Inside, Sidestream};
use sidestream_testkit::{DnsOrigin, is_root, skip};
use sidestream_tun::Tun;
use sidestream_tunnel::{Settings, Tunnel, by_sockets};

use super::{authority, query, site};
use crate::Entries;

const GROUND: &str = "SIDESTREAM_TEST_INSIDE";
const OWN: [&str; 2] = ["10.11.0.1", "fd00:11::1"];
/// What the machine is told, and its clients are.
const PREPARE: &str = "
    ip link set lo up
    mount -t tmpfs none /run
    echo nameserver 127.0.0.1 >/run/machine
    printf 'nameserver 10.11.0.1\\noptions attempts:1 timeout:20\\n' >/run/client
    mount --bind /run/machine /etc/resolv.conf
    exec \"$@\"";

/// Tells whether this is the inside of namespaces that belong to the test alone. Outside of them
/// the test is run there, by another process, and has nothing left to do.
fn on_ground(test: &str) -> bool {
    if env::var_os(GROUND).is_some_and(|inside| inside == *test) {
        return true;
    }
    let can_open = || std::fs::File::options().write(true).open("/dev/net/tun").is_ok();
    if !is_root() || !can_open() {
        skip(test, "root and /dev/net/tun are needed");
        return false;
    }
    let (_crate, module) = module_path!().split_once("::").unwrap();
    let output = Command::new("unshare")
        .args(["--net", "--mount", "sh", "-ec", PREPARE, "sh"])
        .arg(env::current_exe().unwrap())
        .args(["--exact", &format!("{module}::{test}"), "--nocapture", "--test-threads=1"])
        .env(GROUND, test)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{test} failed in its namespaces: {told}");
    assert!(told.contains("1 passed"), "{test} is not there: {told}");
    false
}

/// A machine behind whose device we are, and the resolver that it asks.
struct Machine {
    resolver: DnsOrigin,
    entries: Arc<Entries>,
    fingerprint: String,
    _handle: Handle,
}

impl Machine {
    fn start() -> Self {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let known = [("example.test", "192.0.2.7"), ("example.test", "2001:db8::7")];
        let known = known.map(|(name, text)| (name, address(text)));
        let resolver = DnsOrigin::listen("127.0.0.1:53".parse().unwrap(), &known).unwrap();
        let mut tun = Tun::builder().name("side0").address(address("10.11.0.2"), 24);
        if sidestream_testkit::has_ipv6_loopback() {
            tun = tun.address(address("fd00:11::2"), 64);
        }
        let queue: Box<dyn PacketDriver> =
            Box::new(tun.open().unwrap().into_queues().swap_remove(0));
        let authority = authority();
        let site = site(&authority);
        let fingerprint = site.fingerprint().to_owned();
        let inside =
            Inside::new(Arc::new(Direct::default()), site).with_addresses(&OWN.map(address));
        let mut settings = Settings::new("tun", 7);
        settings.ping = Some(inside.pings(by_sockets()));
        let entries = Arc::new(Entries::default());
        let sink = Arc::clone(&entries) as Arc<dyn Sink>;
        let builder = Sidestream::builder(authority).dial(Arc::new(inside)).sink(sink);
        let capture = Box::new(Tunnel::start(queue, settings));
        let handle = builder.build().unwrap().serve(capture);
        Self { resolver, entries, fingerprint, _handle: handle }
    }

    fn was_asked(&self, name: &str, over_tcp: bool) -> bool {
        let mut asked = self.resolver.queries().into_iter();
        asked.any(|query| query.name == name && query.over_tcp == over_tcp)
    }
}

/// Runs a line of the shell as a client, whose resolver is ours; gives what it prints, and how it
/// ended.
fn client(line: &str) -> (String, Option<i32>) {
    let script = format!("mount --bind /run/client /etc/resolv.conf; {line}");
    let output = Command::new("unshare").args(["--mount", "sh", "-c", &script]).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (String::from_utf8_lossy(&said).trim().to_owned(), output.status.code())
}

#[track_caller]
fn check(line: &str, wanted: &str) {
    let (said, _) = client(line);
    assert_eq!(said, wanted, "{line}");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Returns whether a program is there, and skips the test if not.
fn has(test: &str, program: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
    let has = found.unwrap().status.success();
    if !has {
        skip(test, &format!("{program} is not installed"));
    }
    has
}

#[test]
fn names_are_answered_at_the_own_addresses() {
    let test = "names_are_answered_at_the_own_addresses";
    if !on_ground(test) || !has(test, "dig") {
        return;
    }
    let runtime = runtime();
    let _runtime = runtime.enter();
    let machine = Machine::start();
    for transport in ["+notcp", "+tcp"] {
        let dig = format!("dig +tries=1 +timeout=20 {transport}");
        check(&format!("{dig} +short @10.11.0.1 sidestream.internal A"), "10.11.0.1");
        check(&format!("{dig} +short @10.11.0.1 SideStream.INTERNAL AAAA"), "fd00:11::1");
        check(&format!("{dig} +short @10.11.0.1 -x 10.11.0.1"), "sidestream.internal.");
        check(&format!("{dig} +short @10.11.0.1 example.test A"), "192.0.2.7");
        check(&format!("{dig} +short example.test AAAA"), "2001:db8::7");
        if sidestream_testkit::has_ipv6_loopback() {
            check(&format!("{dig} +short @fd00:11::1 sidestream.internal A"), "10.11.0.1");
            check(&format!("{dig} +short @fd00:11::1 example.test A"), "192.0.2.7");
        }
        // The answer comes from whom was asked, and so does that there is none.
        let (said, _) = client(&format!("{dig} @10.11.0.1 nowhere.test A"));
        assert!(said.contains("status: NXDOMAIN"), "{said}");
        assert!(said.contains("SERVER: 10.11.0.1#53(10.11.0.1)"), "{said}");
        let (said, _) = client(&format!("{dig} @10.11.0.1 sidestream.internal HTTPS"));
        assert!(said.contains("status: NOERROR") && said.contains("ANSWER: 0"), "{said}");
        assert!(machine.was_asked("example.test", transport == "+tcp"));
        assert!(!machine.was_asked("sidestream.internal", transport == "+tcp"));
    }
    // What was asked is recorded, ours and others'.
    let entries = machine.entries.0.lock().unwrap();
    let names: Vec<_> = entries
        .iter()
        .filter_map(|entry| match &entry.event {
            Event::Dns { message, .. } if message.response => Some(format!("{message:?}")),
            _ => None,
        })
        .collect();
    for name in ["sidestream.internal", "example.test", "nowhere.test"] {
        assert!(names.iter().any(|told| told.to_lowercase().contains(name)), "{names:?}");
    }
    let is_dns = |entry: &&sidestream::record::Entry| {
        matches!(entry.event, Event::Recognized(Protocol::Dns))
    };
    assert!(entries.iter().any(|entry| is_dns(&entry)));
}

#[test]
fn a_client_takes_the_root_from_the_page() {
    let test = "a_client_takes_the_root_from_the_page";
    if !on_ground(test) || !has(test, "curl") || !has(test, "openssl") {
        return;
    }
    let runtime = runtime();
    let _runtime = runtime.enter();
    let machine = Machine::start();
    let fingerprint = format!("sha256 Fingerprint={}", machine.fingerprint);
    let print = "openssl x509 -noout -fingerprint -sha256";
    let curl = "curl -sS --max-time 20";
    let site = "http://sidestream.internal";
    check(&format!("{curl} {site}/cert.pem | {print}"), &fingerprint);
    check(&format!("{curl} -4 {site}/cert.der | {print} -inform DER"), &fingerprint);
    check(&format!("{curl} http://10.11.0.1/cert.cer | {print} -inform DER"), &fingerprint);
    if sidestream_testkit::has_ipv6_loopback() {
        check(&format!("{curl} -6 {site}/cert.crt | {print} -inform DER"), &fingerprint);
    }
    let archive = "openssl pkcs12 -passin pass:sidestream -noenc -nokeys";
    check(&format!("{curl} {site}/cert.p12 | {archive} | {print}"), &fingerprint);
    let payload = "import plistlib, sys; profile = plistlib.loads(sys.stdin.buffer.read()); \
                   sys.stdout.buffer.write(profile['PayloadContent'][0]['PayloadContent'])";
    let unpack = format!("python3 -c \"{payload}\"");
    check(
        &format!("{curl} {site}/cert.mobileconfig | {unpack} | {print} -inform DER"),
        &fingerprint,
    );
    let (page, _) = client(&format!("{curl} -A iPhone -H 'Accept: text/html' {site}/"));
    assert!(page.contains(&machine.fingerprint) && page.contains("<details id=\"ios\" open>"));

    // Nobody listens beside it, and that is seen as such: curl's 7 is that it cannot connect.
    for url in ["https://sidestream.internal/", "http://sidestream.internal:8080/"] {
        let (said, code) = client(&format!("{curl} {url}"));
        assert!(code == Some(7) && !said.contains("timed out"), "{said}");
    }
    // Resolvers for others go by the same way as ever.
    let (said, code) = client(&format!("{curl} http://nowhere.test/"));
    assert_eq!(code, Some(6), "{said}");
}

#[test]
fn pings_are_answered_and_other_datagrams_refused() {
    let test = "pings_are_answered_and_other_datagrams_refused";
    if !on_ground(test) || !has(test, "python3") {
        return;
    }
    let runtime = runtime();
    let _runtime = runtime.enter();
    let _machine = Machine::start();
    let ping = "import socket\n\
                raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)\n\
                raw.settimeout(20)\n\
                raw.sendto(bytes.fromhex('0800f7fd00000002'), ('10.11.0.1', 0))\n\
                answer, who = raw.recvfrom(100)\n\
                print(answer[20], who[0])";
    check(&format!("python3 -c \"{ping}\""), "0 10.11.0.1");
    let ask = "import socket\n\
               udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
               udp.settimeout(20)\n\
               udp.connect(('10.11.0.1', 5353))\n\
               udp.send(b'anybody?')\n\
               try: udp.recv(10)\n\
               except OSError as error: print(error)";
    check(&format!("python3 -c \"{ask}\""), "[Errno 111] Connection refused");
}

/// The memory of this process, in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn a_flood_and_garbage_leave_names_answered_and_memory_bounded() {
    let test = "a_flood_and_garbage_leave_names_answered_and_memory_bounded";
    if !on_ground(test) {
        return;
    }
    let runtime = runtime();
    let _runtime = runtime.enter();
    let machine = Machine::start();
    let before = resident();
    let server = SocketAddr::new(OWN[0].parse().unwrap(), 53);
    for socket in 0..300_u16 {
        let socket_of = std::net::UdpSocket::bind("10.11.0.2:0").unwrap();
        socket_of.connect(server).unwrap();
        for id in 0..100 {
            // Whether each is sent is not the matter here.
            let name = format!("n{socket}-{id}.test");
            _ = socket_of.send(&query(id, &name));
            _ = socket_of.send(&query(id, "sidestream.internal")[..usize::from(id % 37)]);
        }
    }
    let client = std::net::UdpSocket::bind("10.11.0.2:0").unwrap();
    client.connect(server).unwrap();
    client.set_read_timeout(Some(std::time::Duration::from_secs(1))).unwrap();
    let mut reply = [0; 512];
    for name in ["sidestream.internal", "example.test"] {
        let answered = (0..60).any(|_| {
            client.send(&query(7, name)).unwrap();
            matches!(client.recv(&mut reply), Ok(len) if len > 40 && reply[..2] == [0, 7])
        });
        assert!(answered, "{name}");
    }
    drop(machine);
    let grown = resident().saturating_sub(before);
    assert!(grown < 96 * 1024, "{grown} KiB more");
}
