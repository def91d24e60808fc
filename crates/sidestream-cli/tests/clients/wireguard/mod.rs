//! `--mode wireguard`: an independent WireGuard in networks of its own, configured by what is
//! printed.
//!
//! ```text
//!   one: wg1 ── p1 ══ h1 ─┐
//!                         ├─ the test's own network: sidestream, servers on 203.0.113.5
//!   two: wg2 ── p2 ══ h2 ─┘
//! ```

pub(crate) mod phone;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use sidestream_testkit::{DnsOrigin, Origin, Service, UdpOrigin};

use crate::harness::{ANSWER, Bench, answer, program};
use crate::local::ground::on_prepared_ground;
use crate::local::{Capturing, check_output, line_to, signal};

use phone::{ASKS, PINGS, Phone, TRANSFERS};

/// Where the servers are, which the clients reach through their tunnels alone.
const SERVER: &str = "203.0.113.5";
const SERVER_V6: &str = "2001:db8:5::5";
const PREPARE: &str = "
    mkdir -p /run/netns /run/wireguard
    mount -t tmpfs tmpfs /run/netns
    mount -t tmpfs tmpfs /run/wireguard
    ip address add 203.0.113.5/32 dev lo
    ip -6 address add 2001:db8:5::5/128 dev lo nodad
    for n in 1 2; do
        ip netns add net$n
        ip link add h$n type veth peer name p$n netns net$n
        ip address add 198.51.10$n.1/24 dev h$n
        ip link set h$n up
        ip -n net$n link set lo up
        ip -n net$n address add 198.51.10$n.2/24 dev p$n
        ip -n net$n link set p$n up
        ip netns exec net$n sysctl -qw net.ipv4.conf.all.promote_secondaries=1
    done
    ip -n net2 route add 198.51.101.1 via 198.51.102.1
    ip route add default via 198.51.101.2";
/// How long is waited for what a protocol does in its own time; only a failing test waits longer.
const PATIENCE: Duration = Duration::from_secs(90);

/// Whether this machine has what the test needs; if so, the test is in networks of its own.
fn is_ready(test: &str) -> bool {
    let programs = ["wireguard-go", "wg", "curl"];
    programs.iter().all(|name| program(test, name).is_some())
        && on_prepared_ground(module_path!(), test, PREPARE)
}

fn start(bench: &Bench, args: &[&str]) -> Capturing {
    let mut capturing = Capturing::with(bench, &[&["--mode", "wireguard@4500"], args].concat());
    capturing.wait_for("AllowedIPs");
    capturing.wait_for("PersistentKeepalive = 25\n");
    capturing
}

/// Finds the configuration in what was printed.
fn printed(told: &str) -> String {
    let from = told.find("[Interface]").unwrap();
    let end = "PersistentKeepalive = 25\n";
    let to = from + told[from..].find(end).unwrap() + end.len();
    told[from..to].to_owned()
}

/// A server of 64 MiB and more.
fn echoes() {
    let listener = TcpListener::bind((SERVER, 9000)).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let (mut from, mut to) = (stream.try_clone().unwrap(), stream);
                let mut buf = vec![0; 1 << 16];
                while let Ok(len @ 1..) = from.read(&mut buf) {
                    if to.write_all(&buf[..len]).is_err() {
                        return;
                    }
                }
                _ = to.shutdown(std::net::Shutdown::Write);
            });
        }
    });
}

fn subcommand(bench: &Bench, args: &[&str]) -> String {
    let output = bench.sidestream([&["wireguard"], args].concat()).output().unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_phone_with_the_printed_configuration_reaches_everything_and_is_read() {
    let test = "a_phone_with_the_printed_configuration_reaches_everything_and_is_read";
    if !is_ready(test) {
        return;
    }
    let bench = Bench::new();
    let config = bench.ca.server_config(&[SERVER, SERVER_V6]);
    let at = |ip: &str, port: u16| (ip.parse::<std::net::IpAddr>().unwrap(), port).into();
    let closing = Service::http(|request, wire| {
        answer(request, wire)?;
        wire.close()
    });
    let _strict = Origin::listen(at(SERVER, 8443), closing.over_tls(config.clone())).unwrap();
    let _https = Origin::listen(at(SERVER, 443), Service::http(answer).over_tls(config)).unwrap();
    let _http = Origin::listen(at(SERVER, 80), Service::http(answer)).unwrap();
    let _http6 = Origin::listen(at(SERVER_V6, 80), Service::http(answer)).unwrap();
    let _dns =
        DnsOrigin::listen(at(SERVER, 53), &[("here.test", SERVER.parse().unwrap())]).unwrap();
    let _udp = UdpOrigin::listen(at(SERVER_V6, 7), |bytes, _| vec![bytes.to_vec()]).unwrap();
    let capturing = start(&bench, &[]);
    let phone = Phone::start(&bench, 1, &printed(&capturing.told()));

    check_output(&phone.curl(&bench, &[&format!("http://{SERVER}/")]), ANSWER);
    check_output(&phone.curl(&bench, &[&format!("https://{SERVER}/")]), ANSWER);
    check_strict(&bench, &phone);
    check_output(&phone.curl(&bench, &[&format!("http://[{SERVER_V6}]/")]), ANSWER);
    let refused = phone.curl(&bench, &[&format!("http://{SERVER}:81/")]);
    assert_eq!(refused.status.code(), Some(7), "{refused:?}");
    let dig = ["dig", "+short", "+tries=1", "@203.0.113.5", "here.test"];
    check_output(&phone.command(&dig).output().unwrap(), &format!("{SERVER}\n"));
    let dig = ["dig", "+short", "+tries=1", "@10.83.100.1", "sidestream.internal"];
    check_output(&phone.command(&dig).output().unwrap(), "10.83.100.1\n");
    let page = phone.curl(&bench, &["http://10.83.100.1/cert.pem"]);
    let pem = std::fs::read_to_string(bench.path("conf/root-cert.pem")).unwrap();
    check_output(&page, &pem);
    check_output(&phone.python(ASKS, &[SERVER_V6, "7"]), "is anybody there?\n");
    check_output(&phone.python(ASKS, &[SERVER, "8"]), "Connection refused\n");
    check_output(&phone.python(PINGS, &[SERVER]), "is it there?\n");
    check_output(&phone.python(PINGS, &[SERVER_V6]), "is it there?\n");

    let (code, told) = capturing.interrupt();
    assert_eq!(code, Some(0), "{told}");
    let lines = bench.lines();
    let line = line_to(&lines, "http", &format!("{SERVER}:443"));
    assert_eq!((&line["via"], &line["response"]["status"]), (&"wireguard".into(), &200.into()));
    let is_list = |line: &&Value| {
        let url = line["request"]["url"].as_str().unwrap_or_default();
        url.starts_with("http://10.83.100.1/") && url.ends_with(".crl")
    };
    assert_eq!(lines.iter().filter(is_list).count(), 1, "{lines:#?}");
    assert!(line["client"].as_str().unwrap().starts_with("10.83.100.2:"), "{line:#}");
    let line = line_to(&lines, "http", &format!("[{SERVER_V6}]:80"));
    assert!(line["client"].as_str().unwrap().starts_with("[fd73:6473:8310::2]:"), "{line:#}");
    check_no_keys(&lines, &told);
}

/// Checks that a client is served that accepts no certificate of which it cannot find out whether
/// it is revoked.
fn check_strict(bench: &Bench, phone: &Phone) {
    let root = bench.path("conf/root-cert.pem");
    let script = format!(
        "printf 'GET / HTTP/1.1\\r\\nHost: {SERVER}\\r\\nConnection: close\\r\\n\\r\\n' | \
         timeout 60 openssl s_client -quiet -verify_return_error -crl_check -crl_download -CAfile {} \
         -verify_ip {SERVER} -connect {SERVER}:8443",
        root.display()
    );
    let output = phone.command(&["sh", "-c", &script]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).ends_with(ANSWER), "{output:?}");
}

/// Checks that no private key is in what was recorded.
fn check_no_keys(lines: &[Value], told: &str) {
    let config = printed(told);
    let key = config.lines().find_map(|line| line.strip_prefix("PrivateKey = ")).unwrap();
    assert!(!lines.iter().any(|line| line.to_string().contains(key)));
}

#[test]
fn much_passes_both_ways_though_the_phone_moves_meanwhile() {
    let test = "much_passes_both_ways_though_the_phone_moves_meanwhile";
    if !is_ready(test) {
        return;
    }
    let bench = Bench::new();
    echoes();
    let capturing = start(&bench, &[]);
    let phone = Phone::start(&bench, 1, &printed(&capturing.told()));
    let mut transfer = phone.command(&["/usr/bin/python3", "-c", TRANSFERS, SERVER]);
    let mut transfer = transfer.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Some of it has passed.
    let mut word = [0];
    transfer.stderr.as_mut().unwrap().read_exact(&mut word).unwrap();
    phone.moves(1);
    check_output(&transfer.wait_with_output().unwrap(), "True\n");
    capturing.finish(&bench);
}

#[test]
fn several_peers_are_served_and_a_stranger_is_not() {
    let test = "several_peers_are_served_and_a_stranger_is_not";
    if !is_ready(test) {
        return;
    }
    let bench = Bench::new();
    let at = |ip: &str| (ip.parse::<std::net::IpAddr>().unwrap(), 80).into();
    let _http = Origin::listen(at(SERVER), Service::http(answer)).unwrap();
    let to = ["--endpoint", "198.51.101.1:4500"];
    let plain = subcommand(&bench, &[&["add", "plain"][..], &to].concat());
    let guarded = subcommand(&bench, &[&["add", "guarded", "--psk"][..], &to].concat());
    assert!(guarded.contains("PresharedKey = ") && !plain.contains("PresharedKey"));
    let listed = subcommand(&bench, &["list"]);
    assert!(listed.contains("10.83.100.2, ") && listed.contains("10.83.100.3, "), "{listed}");

    let capturing = Capturing::with(&bench, &["--mode", "wireguard@4500"]);
    let url = format!("http://{SERVER}/");
    let one = Phone::start(&bench, 1, &plain);
    let two = Phone::start(&bench, 2, &guarded);
    check_output(&one.curl(&bench, &[&url]), ANSWER);
    check_output(&two.curl(&bench, &[&url]), ANSWER);
    drop(two);

    let key = Command::new("wg").arg("genkey").output().unwrap().stdout;
    let key = String::from_utf8(key).unwrap();
    let strange = guarded.lines().map(|line| match line.starts_with("PrivateKey") {
        true => format!("PrivateKey = {key}"),
        false => format!("{line}\n"),
    });
    let stranger = Phone::start(&bench, 2, &strange.collect::<String>());
    let nothing = stranger.curl(&bench, &["--max-time", "3", &url]);
    assert_eq!(nothing.status.code(), Some(28), "{nothing:?}");
    check_output(&one.curl(&bench, &[&url]), ANSWER);
    let (code, told) = capturing.interrupt();
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("unknown-peer"), "{told}");
    assert!(!told.contains(plain.lines().nth(1).unwrap()), "no key is told: {told}");
}

#[test]
fn a_phone_finds_back_to_a_server_that_was_killed() {
    let test = "a_phone_finds_back_to_a_server_that_was_killed";
    if !is_ready(test) {
        return;
    }
    let bench = Bench::new();
    let at = |ip: &str| (ip.parse::<std::net::IpAddr>().unwrap(), 80).into();
    let _http = Origin::listen(at(SERVER), Service::http(answer)).unwrap();
    let url = format!("http://{SERVER}/");
    let mut capturing = start(&bench, &[]);
    let config = printed(&capturing.told());
    let phone = Phone::start(&bench, 1, &config);
    check_output(&phone.curl(&bench, &[&url]), ANSWER);
    signal("KILL", capturing.pid());
    capturing.wait();
    drop(capturing);

    let capturing = start(&bench, &[]);
    assert_eq!(printed(&capturing.told()), config, "the keys are kept");
    let started = Instant::now();
    while !phone.curl(&bench, &["--max-time", "2", &url]).status.success() {
        assert!(started.elapsed() < PATIENCE, "{}", capturing.told());
    }
    capturing.finish(&bench);
}

#[test]
fn the_users_own_file_is_served() {
    let test = "the_users_own_file_is_served";
    if !is_ready(test) {
        return;
    }
    let bench = Bench::new();
    let at = |ip: &str| (ip.parse::<std::net::IpAddr>().unwrap(), 80).into();
    let _http = Origin::listen(at(SERVER), Service::http(answer)).unwrap();
    let wg = |args: &[&str], input: &str| {
        let mut wg = Command::new("wg");
        let wg = wg.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut wg = wg.unwrap();
        wg.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        String::from_utf8(wg.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
    };
    let (ours, theirs) = (wg(&["genkey"], ""), wg(&["genkey"], ""));
    let (our_key, their_key) = (wg(&["pubkey"], &ours), wg(&["pubkey"], &theirs));
    let conf = bench.write(
        "wg0.conf",
        &format!(
            "[Interface]\nPrivateKey = {ours}\nAddress = 10.9.0.1/24\nListenPort = 4501\n\
             [Peer]\nPublicKey = {their_key}\nAllowedIPs = 10.9.0.2/32\n"
        ),
    );
    let mode = format!("wireguard:{}", conf.display());
    let mut capturing = Capturing::with(&bench, &["--mode", &mode]);
    capturing.wait_for(&format!("{their_key} from 10.9.0.2/32"));
    let config = format!(
        "[Interface]\nPrivateKey = {theirs}\nAddress = 10.9.0.2/32\n[Peer]\n\
         PublicKey = {our_key}\nAllowedIPs = 0.0.0.0/0\nEndpoint = 198.51.101.1:4501\n"
    );
    let phone = Phone::start(&bench, 1, &config);
    check_output(&phone.curl(&bench, &[&format!("http://{SERVER}/")]), ANSWER);
    let (code, told) = capturing.interrupt();
    assert_eq!(code, Some(0), "{told}");
    assert!(!told.contains(&ours) && !told.contains(&theirs), "{told}");
    assert!(!bench.path("conf/wireguard").exists(), "no keys of ours are made");
}

#[test]
fn the_drawing_is_read_by_a_camera() {
    let test = "the_drawing_is_read_by_a_camera";
    if program(test, "zbarimg").is_none() {
        return;
    }
    let bench = Bench::new();
    let added = subcommand(&bench, &["add", "camera", "--psk", "--endpoint", "[2001:db8::1]"]);
    let drawn = subcommand(&bench, &["show", "camera", "--qr"]);
    let rows: Vec<Vec<char>> = drawn.lines().map(|line| line.chars().collect()).collect();
    let (width, scale) = (rows[0].len(), 4);
    let mut image = format!("P5 {} {} 255\n", width * scale, rows.len() * 2 * scale).into_bytes();
    for row in &rows {
        for light in ['▀', '▄'] {
            let shade = |char: &char| if *char == '█' || *char == light { 255 } else { 0 };
            let line: Vec<u8> = row.iter().flat_map(|char| [shade(char); 4]).collect();
            (0..scale).for_each(|_| image.extend(&line));
        }
    }
    let path = bench.path("drawn.pgm");
    std::fs::write(&path, image).unwrap();
    let read = Command::new("zbarimg").args(["-q", "--raw"]).arg(&path).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&read.stdout).trim_end(), added.trim_end());
    assert!(added.contains("Endpoint = [2001:db8::1]:51820"), "{added}");
}
