//! An end of a tunnel, and what its programs do.

use std::process::{Child, Command, Output, Stdio};

use crate::harness::Bench;
use crate::local::wait_until;

/// Sends 64 MiB and gets them back, all at the same time.
pub(super) const TRANSFERS: &str = "
import hashlib, os, socket, sys, threading
data = os.urandom(1 << 20)
tcp = socket.create_connection((sys.argv[1], 9000), 60)
def send():
    for _ in range(64):
        tcp.sendall(data)
    tcp.shutdown(socket.SHUT_WR)
threading.Thread(target=send).start()
got, count = hashlib.sha256(), 0
while part := tcp.recv(1 << 16):
    got.update(part)
    count += len(part)
    if count >> 22 != (count - len(part)) >> 22:
        print(count >> 20, file=sys.stderr, flush=True)
sent = hashlib.sha256()
for _ in range(64):
    sent.update(data)
print(count == 64 << 20 and got.digest() == sent.digest())
";

/// Pings a server by either version of IP, and says what comes back.
pub(crate) const PINGS: &str = "
import socket, struct, sys
v6 = ':' in sys.argv[1]
family, protocol = (socket.AF_INET6, 58) if v6 else (socket.AF_INET, 1)
raw = socket.socket(family, socket.SOCK_RAW, protocol)
raw.settimeout(20)
message = struct.pack('!BBHHH', 128 if v6 else 8, 0, 0, 7, 1) + b'is it there?'
total = sum(struct.unpack('!10H', message))
total = ~((total & 0xffff) + (total >> 16)) & 0xffff
raw.sendto(message if v6 else message[:2] + struct.pack('!H', total) + message[4:], (sys.argv[1], 0))
while True:
    got = raw.recv(1000)[0 if v6 else 20:]
    if got[0] in (0, 129):
        print(got[8:].decode())
        break
";

/// Sends a datagram, and says what comes back.
pub(super) const ASKS: &str = "
import socket, sys
udp = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
udp.settimeout(20)
udp.connect((sys.argv[1], int(sys.argv[2])))
udp.send(b'is anybody there?')
try:
    print(udp.recv(100).decode())
except OSError as error:
    print(error.strerror)
";

/// An end of a tunnel by wireguard-go, in a network of its own.
pub(super) struct Phone {
    network: String,
    socket: String,
    process: Child,
}

impl Phone {
    /// Takes the configuration as wg-quick(8) would.
    pub(super) fn start(bench: &Bench, number: u8, config: &str) -> Self {
        let (network, device) = (format!("net{number}"), format!("wg{number}"));
        let mut process = Command::new("ip");
        process.args(["netns", "exec", &network, "wireguard-go", "-f", &device]);
        process.env("WG_PROCESS_FOREGROUND", "1").stdout(Stdio::null()).stderr(Stdio::null());
        let socket = format!("/run/wireguard/{device}.sock");
        let phone = Self { network, socket, process: process.spawn().unwrap() };
        wait_until("wireguard-go is there", || std::path::Path::new(&phone.socket).exists());
        let of_quick = |line: &&str| {
            let key = line.split('=').next().unwrap_or_default().trim();
            ["Address", "DNS", "MTU"].contains(&key)
        };
        let kept: Vec<_> = config.lines().filter(|line| !of_quick(line)).collect();
        let path = bench.write(&format!("{device}.stripped"), &kept.join("\n"));
        let run = |words: &str| {
            let output = phone.command(&words.split(' ').collect::<Vec<_>>()).output().unwrap();
            assert!(output.status.success(), "{words}: {output:?}");
        };
        run(&format!("wg setconf {device} {}", path.display()));
        let addresses = config.lines().find_map(|line| line.strip_prefix("Address = ")).unwrap();
        for address in addresses.split(", ") {
            run(&format!("ip address add {address} dev {device}"));
        }
        run(&format!("ip link set {device} mtu 1420 up"));
        run(&format!("ip route add default dev {device}"));
        run(&format!("ip -6 route add default dev {device}"));
        phone
    }

    /// A command in its network.
    pub(super) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.network]).args(words).stdin(Stdio::null());
        command
    }

    pub(super) fn python(&self, script: &str, args: &[&str]) -> Output {
        self.command(&[&["/usr/bin/python3", "-c", script], args].concat()).output().unwrap()
    }

    pub(super) fn curl(&self, bench: &Bench, args: &[&str]) -> Output {
        let root = bench.path("conf/root-cert.pem");
        let mut curl = self.command(&["curl", "-sS", "--max-time", "20", "--cacert"]);
        curl.arg(root).args(args).output().unwrap()
    }

    pub(super) fn moves(&self, number: u8) {
        for words in [
            format!("ip address add 198.51.10{number}.77/24 dev p{number}"),
            format!("ip address del 198.51.10{number}.2/24 dev p{number}"),
        ] {
            let words: Vec<_> = words.split(' ').collect();
            assert!(self.command(&words).status().unwrap().success());
        }
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
        _ = std::fs::remove_file(&self.socket);
    }
}
