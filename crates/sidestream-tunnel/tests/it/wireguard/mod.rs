//! The same suite for clients at the other end of a tunnel of WireGuard, which wireguard-go keeps.

mod end;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use sidestream_capture::{BoxFuture, Capture, Kind, next_incoming};
use sidestream_capture_test::sockets::{connected, datagrams};
use sidestream_capture_test::{Config, Connected, Datagrams, Family, Ground, Skip};
use sidestream_testkit::{has_ipv6_loopback, skip};
use sidestream_tunnel::{Settings, Tunnel};
use sidestream_wireguard::{Interface, Peer, PrivateKey, Server};
use socket2::Type;
use tokio::net::{TcpSocket, UdpSocket};

use self::end::{Program, open};
use crate::conforms::suite_of_packets;
use crate::kernel::carry;
use crate::place::{self, CLIENT_V4, CLIENT_V6, Clients, SERVER_V4, SERVER_V6};
use crate::shaped::{Profile, Shaped};

const PATIENCE: Duration = Duration::from_secs(60);

/// Moves to a new network namespace, if there is somebody for the other end.
fn enter() -> Result<(), Skip> {
    for program in ["wireguard-go", "wg"] {
        let mut asked = Command::new(program);
        asked.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        if asked.status().is_err() {
            return Err(Skip(format!("no {program} here")));
        }
    }
    place::enter()
}

/// A server, and the clients at the other end of a tunnel to it.
struct Tunneled {
    clients: Clients,
    server: Mutex<Option<Server>>,
    _program: Program,
}

impl Tunneled {
    /// Makes them with a tunnel that goes over that address.
    fn new(listen: &str) -> Self {
        let (ours, theirs) = (PrivateKey::from_bytes([1; 32]), PrivateKey::from_bytes([2; 32]));
        let ranges = [format!("{CLIENT_V4}/32"), format!("{CLIENT_V6}/128")];
        let allowed_ips = ranges.iter().map(|range| range.parse().unwrap()).collect();
        let peer = Peer { allowed_ips, ..Peer::new(theirs.public_key()) };
        let public = ours.public_key();
        let config =
            sidestream_wireguard::Config { interface: Interface::new(ours), peers: vec![peer] };
        let server = Server::bind(config, &[listen.parse().unwrap()]).unwrap();
        let endpoint = server.local_addrs()[0];
        let (clients, program) = Clients::with(move || open(&theirs, public, endpoint));
        Self { clients, server: Mutex::new(Some(server)), _program: program }
    }

    fn server(&self) -> Server {
        self.server.lock().unwrap().take().unwrap()
    }
}

impl Ground for Tunneled {
    fn capture(&mut self) -> Box<dyn Capture> {
        Box::new(Tunnel::start(Box::new(self.server()), Settings::new("wireguard", 7)))
    }

    fn adjust(&self, config: &mut Config) {
        // Both ends' cryptography runs on this machine, maybe beside other tests.
        config.transfer_bytes = config.transfer_bytes.min(32 << 20);
    }

    fn connect(&self, server: SocketAddr) -> BoxFuture<'static, io::Result<Connected>> {
        let made = self.clients.clone().socket(Family::of(server), Type::STREAM);
        Box::pin(async move {
            let socket = TcpSocket::from_std_stream(made.await?.into());
            connected(socket.connect(server).await?)
        })
    }

    fn open_udp(&self, family: Family) -> BoxFuture<'static, io::Result<Box<dyn Datagrams>>> {
        let made = self.clients.clone().socket(family, Type::DGRAM);
        Box::pin(async move { datagrams(UdpSocket::from_std(made.await?.into())?) })
    }

    fn server_ip(&self, family: Family) -> Option<IpAddr> {
        match family {
            Family::V4 => Some(SERVER_V4.parse().unwrap()),
            Family::V6 => has_ipv6_loopback().then(|| SERVER_V6.parse().unwrap()),
        }
    }
}

mod over_ipv4 {
    use super::*;

    suite_of_packets!(Tunneled::new("127.0.0.1:0"));
}

mod over_ipv6 {
    use super::*;

    sidestream_capture_test::suite!(before enter(); over_ipv6();
        relays_tcp_both_ways
        carries_a_large_transfer_unchanged
        keeps_udp_datagrams_whole
        captures_ipv6
    );

    fn over_ipv6() -> Result<Tunneled, Skip> {
        match has_ipv6_loopback() {
            true => Ok(Tunneled::new("[::1]:0")),
            false => Err(Skip("no IPv6 on loopback".to_owned())),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Down,
    Up,
}

fn check_transfer_with_loss(name: &str, way: Way) {
    if let Err(reason) = enter() {
        return skip(name, &reason.0);
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let ground = Tunneled::new("127.0.0.1:0");
        let profile = Profile {
            loss: 10,
            delay: Duration::from_millis(2),
            opens_at_once: true,
            ..Profile::default()
        };
        let (link, log) = Shaped::new(ground.server(), profile, 42);
        let mut tunnel = Tunnel::start(Box::new(link), Settings::new("wireguard", 7));
        let made = ground.clients.clone().socket(Family::V4, Type::STREAM);
        let connecting = tokio::spawn(async move {
            let socket = TcpSocket::from_std_stream(made.await.unwrap().into());
            socket.connect(format!("{SERVER_V4}:80").parse().unwrap()).await.unwrap()
        });
        let incoming = next_incoming(&mut tunnel).await.unwrap().unwrap();
        let Kind::Tcp(pending) = incoming.kind else { panic!("not a connection") };
        let server = pending.accept().await.unwrap();
        let client = connecting.await.unwrap();
        let moved = async {
            match way {
                Way::Down => carry(server, client).await,
                Way::Up => carry(client, server).await,
            }
        };
        tokio::time::timeout(PATIENCE, moved).await.unwrap();
        let carried = log.lock().unwrap()[matches!(way, Way::Down) as usize];
        assert!(carried.lost > 0, "the link lost nothing: {carried:?}");
    });
}

#[test]
fn all_arrives_downwards_through_a_tunnel_that_loses() {
    let name = "all_arrives_downwards_through_a_tunnel_that_loses";
    check_transfer_with_loss(name, Way::Down);
}

#[test]
fn all_arrives_upwards_through_a_tunnel_that_loses() {
    check_transfer_with_loss("all_arrives_upwards_through_a_tunnel_that_loses", Way::Up);
}
