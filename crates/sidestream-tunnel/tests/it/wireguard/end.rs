//! The other end of a tunnel, by wireguard-go.

use std::io::Write;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sidestream_testkit::has_ipv6_loopback;
use sidestream_wireguard::{PrivateKey, PublicKey};

use super::PATIENCE;
use crate::place::{self, CLIENT_V4, CLIENT_V6};

/// A program that keeps a tunnel's end: its sockets are in the servers' network, and its device is
/// in that of the clients.
pub(super) struct Program {
    process: Child,
    face: PathBuf,
}

impl Program {
    /// Starts it in the network of the calling thread.
    fn start(device: &str) -> Self {
        let mut program = Command::new("wireguard-go");
        program.args(["-f", device]).stdout(Stdio::null()).stderr(Stdio::null());
        let process = program.env("WG_PROCESS_FOREGROUND", "1").spawn().unwrap();
        let face = Path::new("/run/wireguard").join(format!("{device}.sock"));
        let (program, began) = (Self { process, face }, Instant::now());
        while !program.face.exists() {
            assert!(began.elapsed() < PATIENCE, "wireguard-go does not begin");
            std::thread::sleep(Duration::from_millis(5));
        }
        program
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
        _ = std::fs::remove_file(&self.face);
    }
}

/// Moves to a new network, in which the servers are reached through a tunnel.
pub(super) fn open(key: &PrivateKey, server: PublicKey, endpoint: SocketAddr) -> Program {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let device = format!("wg{}x{count}", std::process::id());
    let program = Program::start(&device);
    let network = place::unshare();
    // By the path, for the descriptor itself is closed to programs that we start.
    let path = format!("/proc/{}/fd/{}", std::process::id(), network.as_raw_fd());
    place::ip(&format!("link set {device} netns {path}"));
    place::move_to(&network);
    place::ip("link set lo up");
    set(
        &device,
        &format!(
            "[Interface]\nPrivateKey = {}\n[Peer]\nPublicKey = {server}\nEndpoint = {endpoint}\n\
             AllowedIPs = 0.0.0.0/0, ::/0\n",
            key.to_base64(),
        ),
    );
    place::ip(&format!("addr add {CLIENT_V4}/32 dev {device}"));
    place::ip(&format!("link set {device} mtu 1420 up"));
    place::ip(&format!("route add default dev {device}"));
    if has_ipv6_loopback() {
        place::ip(&format!("-6 addr add {CLIENT_V6}/128 dev {device} nodad"));
        place::ip(&format!("-6 route add default dev {device}"));
    }
    program
}

fn set(device: &str, config: &str) {
    let mut wg = Command::new("wg");
    wg.args(["setconf", device, "/dev/stdin"]).stdin(Stdio::piped());
    let mut wg = wg.spawn().unwrap();
    wg.stdin.take().unwrap().write_all(config.as_bytes()).unwrap();
    assert!(wg.wait().unwrap().success());
}
