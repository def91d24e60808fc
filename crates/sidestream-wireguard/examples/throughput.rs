//! What the driver costs beside the protocol's cryptography, on this machine's loopback:
//! `cargo run --release -p sidestream-wireguard --example throughput -- 3` (seconds each way).
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use boringtun::noise::{Tunn, TunnResult};
use boringtun::x25519::{PublicKey, StaticSecret};
use quinn_udp::{Transmit, UdpSocketState};
use sidestream_capture::{PacketDriver, recv_packet, send_packet};
use sidestream_packet::Offload;
use sidestream_wireguard::{Config, Interface, Peer, PrivateKey, Server};

const LEN: usize = 1420;
/// How many datagrams the other end sends at once, as a sender of bulk data does.
const AT_ONCE: usize = 44;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let seconds = std::env::args().nth(1).map_or(Ok(3), |text| text.parse())?;
    let time = Duration::from_secs(seconds);
    let (sealing, opening) = alone();
    println!("boringtun alone  seal {sealing:.0} ns, open {opening:.0} ns a packet of {LEN} bytes");
    let mut pair = Box::pin(Pair::new()).await?;
    tell("receive", pair.receive(time).await?, opening);
    tell("send", pair.send(time).await?, sealing);
    Ok(())
}

fn tell(what: &str, (packets, cpu): (u64, Duration), alone: f64) {
    let each = cpu.as_nanos() as f64 / packets as f64;
    let rate = LEN as f64 * 8.0 / each;
    println!(
        "driver, {what:8} {each:.0} ns a packet, {:.2} times boringtun alone, \
         {rate:.2} Gbit/s a core",
        each / alone
    );
}

/// Returns for how long this thread has been on a processor.
fn on_processor() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|word| word.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

fn packet() -> Vec<u8> {
    let mut packet = vec![0x5a; LEN];
    packet[..20]
        .copy_from_slice(&[0x45, 0, 5, 140, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 2, 192, 0, 2, 1]);
    packet
}

fn tunn(own: u8, other: u8) -> Tunn {
    let secret = |seed: u8| StaticSecret::from([seed; 32]);
    Tunn::new(secret(own), PublicKey::from(&secret(other)), None, None, 1, None)
}

fn answer(tunn: &mut Tunn, datagram: &[u8]) -> Vec<u8> {
    match tunn.decapsulate(None, datagram, &mut [0; 2000]) {
        TunnResult::WriteToNetwork(answer) => answer.to_vec(),
        _ => Vec::new(),
    }
}

fn initiation(tunn: &mut Tunn) -> Vec<u8> {
    match tunn.format_handshake_initiation(&mut [0; 2000], true) {
        TunnResult::WriteToNetwork(message) => message.to_vec(),
        _ => Vec::new(),
    }
}

/// Measures sealing and opening without any I/O, in nanoseconds a packet.
fn alone() -> (f64, f64) {
    const PACKETS: u32 = 100_000;
    let (mut one, mut other) = (tunn(2, 1), tunn(1, 2));
    let response = answer(&mut other, &initiation(&mut one));
    let keepalive = answer(&mut one, &response);
    answer(&mut other, &keepalive);
    let (packet, mut sealed, mut opened) = (packet(), vec![0; 2000], vec![0; 2000]);
    let (mut sealing, mut opening) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..PACKETS / 100 {
        let mut datagrams = Vec::with_capacity(100);
        let start = on_processor();
        for _ in 0..100 {
            if let TunnResult::WriteToNetwork(datagram) = one.encapsulate(&packet, &mut sealed) {
                datagrams.push(datagram.to_vec());
            }
        }
        let between = on_processor();
        for datagram in &datagrams {
            _ = other.decapsulate(None, datagram, &mut opened);
        }
        sealing += between - start;
        opening += on_processor() - between;
    }
    let each = |time: Duration| time.as_nanos() as f64 / f64::from(PACKETS);
    (each(sealing), each(opening))
}

struct Pair {
    server: Server,
    client: Tunn,
    socket: Arc<UdpSocket>,
}

impl Pair {
    async fn new() -> Result<Self, Box<dyn Error>> {
        let client_key = PrivateKey::from_bytes([2; 32]);
        let peer = Peer {
            allowed_ips: vec!["10.0.0.2/32".parse()?],
            ..Peer::new(client_key.public_key())
        };
        let interface = Interface::new(PrivateKey::from_bytes([1; 32]));
        let config = Config { interface, peers: vec![peer] };
        let server = Server::bind(config, &["127.0.0.1:0".parse()?])?;
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.connect(server.local_addrs()[0])?;
        let mut pair = Self { server, client: tunn(2, 1), socket: Arc::new(socket) };
        pair.socket.send(&initiation(&mut pair.client))?;
        pair.work(Duration::from_millis(100)).await?;
        let mut buf = [0; 2000];
        let len = pair.socket.recv(&mut buf)?;
        let keepalive = answer(&mut pair.client, &buf[..len]);
        pair.socket.send(&keepalive)?;
        pair.work(Duration::from_millis(100)).await?;
        Ok(pair)
    }

    /// Takes packets for a time; returns how many.
    async fn work(&mut self, time: Duration) -> Result<u64, Box<dyn Error>> {
        let (end, mut buf, mut packets) = (Instant::now() + time, vec![0; LEN], 0);
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            let received = recv_packet(&mut self.server, &mut buf);
            match tokio::time::timeout(left, received).await {
                Ok(received) => packets += u64::from(received?.is_some()),
                Err(_elapsed) => break,
            }
        }
        Ok(packets)
    }

    async fn receive(&mut self, time: Duration) -> Result<(u64, Duration), Box<dyn Error>> {
        let stop = Arc::new(AtomicBool::new(false));
        let client = std::mem::replace(&mut self.client, tunn(2, 1));
        let sender = std::thread::spawn({
            let (stop, socket) = (Arc::clone(&stop), Arc::clone(&self.socket));
            move || send_until(&stop, &socket, client)
        });
        let start = on_processor();
        let packets = self.work(time).await?;
        let cpu = on_processor() - start;
        stop.store(true, Ordering::Relaxed);
        self.client = sender.join().map_err(|_panic| "the sender panicked")??;
        Ok((packets, cpu))
    }

    async fn send(&mut self, time: Duration) -> Result<(u64, Duration), Box<dyn Error>> {
        let mut packet = packet();
        packet[12..20].copy_from_slice(&[192, 0, 2, 1, 10, 0, 0, 2]);
        let (end, start, mut packets) = (Instant::now() + time, on_processor(), 0);
        while Instant::now() < end {
            for _ in 0..AT_ONCE {
                send_packet(&mut self.server, &packet, Offload::default()).await?;
                packets += 1;
            }
        }
        let handle = self.server.handle();
        println!(
            "                 {} of them not taken by the system",
            handle.dropped(sidestream_wireguard::Drop::Send,)
        );
        _ = self.server.properties();
        Ok((packets, on_processor() - start))
    }
}

/// Sends bulk data until it is told to stop.
fn send_until(stop: &AtomicBool, socket: &UdpSocket, mut client: Tunn) -> std::io::Result<Tunn> {
    let state = UdpSocketState::new(socket.into())?;
    let (packet, destination) = (packet(), socket.peer_addr()?);
    let mut contents = vec![0; AT_ONCE * (LEN + 32) + 200];
    while !stop.load(Ordering::Relaxed) {
        let mut len = 0;
        for _ in 0..AT_ONCE {
            if let TunnResult::WriteToNetwork(sealed) =
                client.encapsulate(&packet, &mut contents[len..])
            {
                len += sealed.len();
            }
        }
        let transmit = Transmit {
            destination,
            ecn: None,
            contents: &contents[..len],
            segment_size: Some(LEN + 32),
            src_ip: None,
        };
        if state.try_send(socket.into(), &transmit).is_err() {
            std::thread::yield_now();
        }
    }
    Ok(client)
}
