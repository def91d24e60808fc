//! A helper that says what it is told to say.

use std::io::{IoSlice, Read};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use sidestream_flow::{FlowKey, Process, Transport};
use sidestream_ipc::{Decoder, Flow, FlowVerdict, Hello, Message, ProcessRecord, Started, encode};
use sidestream_linux::{LocalCapture, LocalNotices, LocalOptions, StartError};

/// Longer than anything takes here.
const LONG: Duration = Duration::from_secs(30);

pub(crate) struct Helper {
    stream: UnixStream,
    decoder: Decoder,
}

/// What a helper says once it captures.
pub(crate) const STARTED: Started = Started { ipv6: true, udp: true, all_users: true };

impl Helper {
    /// Makes both ends of a connection.
    pub(crate) fn pair() -> (Self, UnixStream) {
        let (stream, theirs) = UnixStream::pair().unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        (Self { stream, decoder: Decoder::new() }, theirs)
    }

    /// Starts a capture that works.
    pub(crate) async fn capturing() -> (Self, LocalCapture, LocalNotices) {
        let (helper, started) = Self::start(|helper| {
            helper.greet();
            helper.send(&Message::Started(STARTED));
        })
        .await;
        let (capture, notices) = started.unwrap();
        (helper, capture, notices)
    }

    /// Starts a capture while the helper does that.
    pub(crate) async fn start(
        does: impl FnOnce(&mut Self) + Send + 'static,
    ) -> (Self, Result<(LocalCapture, LocalNotices), StartError>) {
        let (mut helper, theirs) = Self::pair();
        let done = thread::spawn(move || {
            does(&mut helper);
            helper
        });
        let options = LocalOptions::new("curl".parse().unwrap());
        let started = LocalCapture::start(theirs, options).await;
        (done.join().unwrap(), started)
    }

    /// Greets, and takes the first spec.
    pub(crate) fn greet(&mut self) {
        self.send(&Message::Hello(Hello::new("sidestream-helper 0.0.0")));
        assert!(matches!(self.receive(), Some(Message::Hello(_))));
        let Some(Message::Start(start)) = self.receive() else { panic!("no start") };
        assert_eq!((start.spec.as_str(), start.reset_existing), ("curl", false));
    }

    pub(crate) fn send(&self, message: &Message) {
        self.send_with(message, &[]);
    }

    pub(crate) fn send_with(&self, message: &Message, fds: &[BorrowedFd<'_>]) {
        let mut bytes = Vec::new();
        encode(message, &mut bytes).unwrap();
        self.send_bytes(&bytes, fds);
    }

    pub(crate) fn send_bytes(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() {
            assert!(control.push(SendAncillaryMessage::ScmRights(fds)));
        }
        let parts = [IoSlice::new(bytes)];
        let sent = sendmsg(&self.stream, &parts, &mut control, SendFlags::NOSIGNAL).unwrap();
        assert_eq!(sent, bytes.len());
    }

    /// Receives the next message that is no sign of life.
    pub(crate) fn receive(&mut self) -> Option<Message> {
        loop {
            match self.receive_any() {
                Some(Message::Beat) => {}
                other => return other,
            }
        }
    }

    /// Receives the next message; `None` when the proxy has hung up.
    pub(crate) fn receive_any(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.decoder.poll_message().unwrap() {
                return Some(message);
            }
            let mut buf = [0; 4096];
            match self.stream.read(&mut buf).unwrap() {
                0 => return None,
                len => self.decoder.feed(&buf[..len]),
            }
        }
    }

    /// Counts the messages that come within that time.
    pub(crate) fn count_for(&mut self, time: Duration) -> usize {
        let until = Instant::now() + time;
        let mut count = 0;
        self.stream.set_read_timeout(Some(time / 8)).unwrap();
        while Instant::now() < until {
            let mut buf = [0; 4096];
            if let Ok(len) = self.stream.read(&mut buf) {
                self.decoder.feed(&buf[..len]);
            }
            while self.decoder.poll_message().unwrap().is_some() {
                count += 1;
            }
        }
        self.stream.set_read_timeout(Some(LONG)).unwrap();
        count
    }

    /// Sends a captured connection, and returns the program's end of it.
    pub(crate) fn connect(&self, id: u64, server: SocketAddr, verdict: FlowVerdict) -> TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.set_read_timeout(Some(LONG)).unwrap();
        let (accepted, from) = listener.accept().unwrap();
        let flow = flow(id, Transport::Tcp, from, server, verdict);
        self.send_with(&flow.into(), &[accepted.as_fd()]);
        client
    }

    /// Sends a captured association, and returns the program's socket and ours.
    pub(crate) fn associate(
        &self,
        id: u64,
        server: SocketAddr,
        verdict: FlowVerdict,
    ) -> (UdpSocket, UdpSocket) {
        let [client, ours] = [0, 1].map(|_| UdpSocket::bind("127.0.0.1:0").unwrap());
        client.set_read_timeout(Some(LONG)).unwrap();
        client.connect(ours.local_addr().unwrap()).unwrap();
        ours.connect(client.local_addr().unwrap()).unwrap();
        let flow = flow(id, Transport::Udp, client.local_addr().unwrap(), server, verdict);
        self.send_with(&flow.into(), &[ours.as_fd()]);
        (client, ours)
    }
}

pub(crate) fn flow(
    id: u64,
    transport: Transport,
    client: SocketAddr,
    server: SocketAddr,
    verdict: FlowVerdict,
) -> Flow {
    let key = FlowKey { transport, client, server };
    Flow { id, key, process: Some(2), verdict, bound: None, path_mtu_discovery: 1, net: None }
}

/// The record of a process of that name.
pub(crate) fn record(key: u64, parent: Option<u64>, name: &str) -> Message {
    let pid = 1000 + u32::try_from(key).unwrap();
    let process = Process { pid, name: name.into(), ..Process::default() };
    ProcessRecord { key, parent, process }.into()
}
