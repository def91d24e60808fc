//! A captured host: another TCP stack, whose streams send and receive what they are told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{self, Socket, SocketBuffer};
use smoltcp::time::Instant as Ticks;
use smoltcp::wire::{HardwareAddress, IpCidr};

pub(crate) struct Client {
    interface: Interface,
    sockets: SocketSet<'static>,
    pub(crate) device: Wire,
    began: Instant,
    pub(crate) streams: Vec<Stream>,
}

/// One connection of the client.
pub(crate) struct Stream {
    handle: SocketHandle,
    pub(crate) to_send: Vec<u8>,
    pub(crate) sent: usize,
    pub(crate) received: Vec<u8>,
    /// Whether it ends its half once all is sent.
    pub(crate) closes: bool,
    pub(crate) closed: bool,
    /// Whether it reads.
    pub(crate) reads: bool,
    /// Whether the other half has ended in good order.
    pub(crate) finished: bool,
}

impl Client {
    pub(crate) fn new(now: Instant, mtu: usize, seed: u64) -> Self {
        let mut device = Wire { mtu, ..Wire::default() };
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = seed;
        let mut interface = Interface::new(config, &mut device, Ticks::ZERO);
        interface.update_ip_addrs(|addrs| {
            addrs.push(IpCidr::new(std::net::Ipv4Addr::new(10, 0, 0, 2).into(), 0)).unwrap();
            let v6: std::net::Ipv6Addr = "fd00::2".parse().unwrap();
            addrs.push(IpCidr::new(v6.into(), 0)).unwrap();
        });
        let sockets = SocketSet::new(Vec::new());
        Self { interface, sockets, device, began: now, streams: Vec::new() }
    }

    pub(crate) fn connect(&mut self, server: SocketAddr, port: u16, buffer: usize) -> usize {
        let room = |len| SocketBuffer::new(vec![0; len]);
        let mut socket = Socket::new(room(buffer), room(buffer));
        socket.set_nagle_enabled(false);
        socket.set_congestion_control(tcp::CongestionControl::None);
        let remote: smoltcp::wire::IpEndpoint = server.into();
        socket.connect(self.interface.context(), remote, port).unwrap();
        self.streams.push(Stream {
            handle: self.sockets.add(socket),
            to_send: Vec::new(),
            sent: 0,
            received: Vec::new(),
            closes: false,
            closed: false,
            reads: true,
            finished: false,
        });
        self.streams.len() - 1
    }

    pub(crate) fn state(&self, index: usize) -> tcp::State {
        self.sockets.get::<Socket<'_>>(self.streams[index].handle).state()
    }

    pub(crate) fn abort(&mut self, index: usize) {
        self.sockets.get_mut::<Socket<'_>>(self.streams[index].handle).abort();
    }

    pub(crate) fn keep_alive(&mut self, index: usize, every: Duration, timeout: Duration) {
        let socket = self.sockets.get_mut::<Socket<'_>>(self.streams[index].handle);
        socket.set_keep_alive(Some(every.into()));
        socket.set_timeout(Some(timeout.into()));
    }

    /// Gives the socket of a stream back, for days with many streams.
    pub(crate) fn remove(&mut self, index: usize) {
        let handle = self.streams[index].handle;
        self.sockets.remove(handle);
        self.streams.remove(index);
    }

    pub(crate) fn poll(&mut self, now: Instant) {
        for _ in 0..2 {
            let ticks = self.ticks(now);
            self.interface.poll(ticks, &mut self.device, &mut self.sockets);
            for stream in &mut self.streams {
                stream.run(self.sockets.get_mut(stream.handle));
            }
        }
        let ticks = self.ticks(now);
        self.interface.poll(ticks, &mut self.device, &mut self.sockets);
    }

    pub(crate) fn next(&mut self, now: Instant) -> Option<Instant> {
        let ticks = self.ticks(now);
        let at = self.interface.poll_at(ticks, &self.sockets)?;
        let micros = u64::try_from(at.total_micros()).unwrap().saturating_sub(1_000_000);
        Some(self.began + Duration::from_micros(micros))
    }

    fn ticks(&self, now: Instant) -> Ticks {
        let since = now.duration_since(self.began).as_micros();
        Ticks::from_micros(i64::try_from(since).unwrap() + 1_000_000)
    }
}

impl Stream {
    fn run(&mut self, socket: &mut Socket<'_>) {
        if self.sent < self.to_send.len() && socket.can_send() {
            self.sent += socket.send_slice(&self.to_send[self.sent..]).unwrap();
        }
        while self.reads && socket.can_recv() {
            socket
                .recv(|bytes| {
                    self.received.extend_from_slice(bytes);
                    (bytes.len(), ())
                })
                .unwrap();
        }
        let all_sent = self.sent == self.to_send.len();
        if self.closes && !self.closed && all_sent && socket.may_send() {
            self.closed = true;
            socket.close();
        }
        self.finished |= matches!(socket.recv(|_| (0, ())), Err(tcp::RecvError::Finished));
    }
}

/// The client's device: two queues.
#[derive(Default)]
pub(crate) struct Wire {
    pub(crate) mtu: usize,
    pub(crate) inbox: VecDeque<Vec<u8>>,
    pub(crate) outbox: VecDeque<Vec<u8>>,
}

impl Device for Wire {
    type RxToken<'a> = Rx;
    type TxToken<'a> = Tx<'a>;

    fn receive(&mut self, _: Ticks) -> Option<(Rx, Tx<'_>)> {
        let packet = self.inbox.pop_front()?;
        Some((Rx(packet), Tx(&mut self.outbox)))
    }

    fn transmit(&mut self, _: Ticks) -> Option<Tx<'_>> {
        Some(Tx(&mut self.outbox))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu;
        capabilities
    }
}

pub(crate) struct Rx(Vec<u8>);

impl RxToken for Rx {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

pub(crate) struct Tx<'a>(&'a mut VecDeque<Vec<u8>>);

impl TxToken for Tx<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut packet = vec![0; len];
        let result = f(&mut packet);
        self.0.push_back(packet);
        result
    }
}
