//! Network namespaces, and whoever answers in a device.

use std::env;
use std::fs::OpenOptions;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sidestream_capture::{PacketDriver, Received, recv_packet, send_packet};
use sidestream_testkit::{can_make_user_namespaces, is_root, skip};
use sidestream_tun::Queue;

const INSIDE: &str = "SIDESTREAM_TEST_INSIDE";

/// Whether this is the inside of namespaces (network and mount) that belong to the test alone,
/// with `lo` up. Outside of them the test is run there, by another process, and has nothing left
/// to do.
pub(crate) fn in_own_network(module: &str, test: &str) -> bool {
    if env::var_os(INSIDE).is_some_and(|inside| inside == *test) {
        ip("link set lo up");
        return true;
    }
    if !is_root() && !can_make_user_namespaces() {
        skip(test, "this user may not make namespaces here");
        return false;
    }
    if OpenOptions::new().read(true).write(true).open("/dev/net/tun").is_err() {
        skip(test, "/dev/net/tun is closed to this user or not there");
        return false;
    }
    let mut command = Command::new("unshare");
    command.arg(if is_root() { "-nm" } else { "-rnm" }).arg(env::current_exe().unwrap());
    let status = again(&mut command, module, test).env(INSIDE, test).status().unwrap();
    assert!(status.success(), "{test} failed in its network namespace");
    false
}

/// Adds the arguments by which this program runs one test.
pub(crate) fn again<'a>(command: &'a mut Command, module: &str, test: &str) -> &'a mut Command {
    let (_crate, module) = module.split_once("::").unwrap();
    let name = format!("{module}::{test}");
    command.args(["--exact", &name, "--nocapture", "--test-threads=1"]).stdout(Stdio::null())
}

/// Runs `ip`, which must succeed, and returns what it said.
pub(crate) fn ip(args: &str) -> String {
    let output = Command::new("ip").args(args.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "ip {args}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Everything that a device could have changed, but for the queue that a device has once it was
/// up.
pub(crate) fn network() -> String {
    let all = ["-d -o link", "-o addr", "route show table all", "-6 route show table all", "rule"];
    let all: String = all.iter().map(|what| ip(what)).collect();
    let mut words: Vec<_> = all.split(' ').collect();
    while let Some(at) = words.iter().position(|word| *word == "qdisc") {
        words.drain(at..at + 2);
    }
    words.join(" ")
}

/// Waits until something holds; it is looked at again and again for a while at most.
#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what} did not come about");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until the network is as it was; it is looked at again and again for a while at most.
#[track_caller]
pub(crate) fn eventually_as(before: &str) {
    let begun = Instant::now();
    let mut now = network();
    while now != before && begun.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(20));
        now = network();
    }
    let missing = |of: &str, from: &str| {
        let lines = of.lines().filter(|line| !from.contains(line));
        lines.map(|line| format!("\n  {line}")).collect::<String>()
    };
    let (lost, new) = (missing(before, &now), missing(&now, before));
    assert!(now == before, "lost:{lost}\nnew:{new}");
}

/// Runs a future with sockets and timers, on this thread; a packet that is lost must not make it
/// wait for ever.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let future = async { tokio::time::timeout(Duration::from_secs(120), future).await };
    runtime.block_on(future).expect("all packets come")
}

/// The next packet of a queue, and what was said of it; `None` as the device has gone.
pub(crate) async fn next(queue: &mut Queue) -> Option<(Vec<u8>, Received)> {
    let mut buf = vec![0; queue.properties().buffer_len()];
    let received = recv_packet(queue, &mut buf).await.unwrap()?;
    buf.truncate(received.len);
    Some((buf, received))
}

/// Sends every packet back as if it came from where it went, until the device has gone; `seen` is
/// told of each before.
///
/// The sums of addresses are the same in both orders, so that every checksum stays right.
pub(crate) async fn mirror(mut queue: Queue, mut seen: impl FnMut(&mut Vec<u8>, Received)) {
    while let Some((mut packet, received)) = next(&mut queue).await {
        seen(&mut packet, received);
        swap_addresses(&mut packet);
        send_packet(&mut queue, &packet, received.offload).await.unwrap();
    }
}

/// Makes a datagram an answer to itself.
pub(crate) fn turn_around(packet: &mut [u8]) {
    swap_ports(packet);
    swap_addresses(packet);
}

fn swap_addresses(packet: &mut [u8]) {
    let (from, len) = if packet[0] >> 4 == 4 { (12, 4) } else { (8, 16) };
    let (source, destination) = packet[from..from + 2 * len].split_at_mut(len);
    source.swap_with_slice(destination);
}

/// Where the transport header of a packet without options begins.
pub(crate) fn transport(packet: &[u8]) -> usize {
    if packet[0] >> 4 == 4 { 20 } else { 40 }
}

/// Turns a datagram of UDP or a segment of TCP around, so that its receiver answers itself.
pub(crate) fn swap_ports(packet: &mut [u8]) {
    let at = transport(packet);
    let (source, destination) = packet[at..at + 4].split_at_mut(2);
    source.swap_with_slice(destination);
}
