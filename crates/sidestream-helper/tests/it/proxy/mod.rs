//! A proxy that answers every captured flow itself.

mod line;

use std::collections::HashMap;
use std::io::Write;
use std::net::{TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use sidestream_ipc::{Flow, FlowVerdict, Message, Notice, OpenSocket, ProcessRecord, SetSpec};

pub(crate) use line::Helper;

use crate::ground::eventually;

/// What the proxy says to programs in place of their servers.
pub(crate) const CAPTURED: &str = "captured";
/// What it says where the spec has it carry the flow unseen.
pub(crate) const PASSED: &str = "passed";

/// A proxy that serves, and its helper.
pub(crate) struct Proxy {
    pub(crate) helper: Helper,
    pub(crate) stream: UnixStream,
    told: Arc<Mutex<Told>>,
}

/// What the helper has told.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) flows: Vec<Flow>,
    pub(crate) processes: HashMap<u64, ProcessRecord>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) closed: Vec<u64>,
    /// What the helper logged.
    pub(crate) log: Vec<String>,
    /// How many datagrams the helper itself passed on, for each flow.
    datagrams: HashMap<u64, usize>,
    opened: Vec<(u64, Result<OwnedFd, i32>)>,
    spec_set: Vec<(u64, Option<String>)>,
    udp: HashMap<u64, (UdpSocket, &'static str)>,
}

impl Proxy {
    /// Starts to capture.
    pub(crate) fn start(spec: &str) -> Self {
        Self::start_with(&[], spec, false)
    }

    /// Starts to capture with a helper that is given arguments.
    pub(crate) fn start_with(args: &[&str], spec: &str, reset_existing: bool) -> Self {
        let (helper, mut line) = Helper::start(args);
        let answer = line.start(spec, reset_existing);
        assert!(matches!(answer, Message::Started(_)), "{answer:?}");
        let stream = line.stream.try_clone().unwrap();
        let (told, beat) = (Arc::<Mutex<Told>>::default(), stream.try_clone().unwrap());
        thread::spawn(move || {
            loop {
                line::send(&beat, &Message::Beat);
                thread::sleep(Duration::from_millis(100));
            }
        });
        let hears = Arc::clone(&told);
        thread::spawn(move || {
            while let Some((message, fd)) = line.receive() {
                hears.lock().unwrap().take(message, fd);
            }
        });
        Self { helper, stream, told }
    }

    pub(crate) fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap()
    }

    pub(crate) fn send(&self, message: &Message) {
        line::send(&self.stream, message);
    }

    /// Changes the spec; returns what was wrong with it.
    pub(crate) fn set_spec(&self, serial: u64, spec: &str) -> Option<String> {
        let spec = spec.to_owned();
        self.send(&Message::SetSpec(SetSpec { serial, spec, reset_existing: false }));
        let mut answer = None;
        eventually("an answer to the spec", || {
            let told = self.told();
            answer = told.spec_set.iter().find(|(of, _)| *of == serial).cloned();
            answer.is_some()
        });
        answer.unwrap().1
    }
}

impl Proxy {
    /// Has the helper make a socket.
    pub(crate) fn open(&self, request: OpenSocket) -> Result<OwnedFd, i32> {
        self.send(&request.into());
        let mut answer = None;
        eventually("a socket", || {
            let opened = &mut self.told().opened;
            let at = opened.iter().position(|(serial, _)| *serial == request.serial);
            answer = at.map(|at| opened.remove(at).1);
            answer.is_some()
        });
        answer.unwrap()
    }
}

impl Told {
    fn take(&mut self, message: Message, fd: Option<OwnedFd>) {
        match message {
            Message::Flow(flow) => {
                let words = if flow.verdict == FlowVerdict::Pass { PASSED } else { CAPTURED };
                self.serve(&flow, fd.unwrap(), words);
                self.flows.push(flow);
            }
            Message::Process(record) => drop(self.processes.insert(record.key, *record)),
            Message::Notice(notice) => self.notices.push(notice),
            Message::Closed { flow } => self.closed.push(flow),
            Message::Datagram { flow, payload } => {
                assert_eq!(&payload[..], b"question");
                *self.datagrams.entry(flow).or_default() += 1;
                let (socket, words) = &self.udp[&flow];
                _ = socket.send(words.as_bytes());
            }
            Message::Log { text, .. } => self.log.push(text),
            Message::Opened { serial, error } => {
                self.opened.push((serial, error.map_or_else(|| Ok(fd.unwrap()), Err)));
            }
            Message::SpecSet { serial, error } => self.spec_set.push((serial, error)),
            _ => {}
        }
    }

    /// Counts the datagrams of a flow, those that came by its own socket included.
    pub(crate) fn count_datagrams(&mut self, flow: u64) -> usize {
        let (socket, _) = &self.udp[&flow];
        socket.set_nonblocking(true).unwrap();
        let told = self.datagrams.entry(flow).or_default();
        while socket.recv(&mut [0; 64]).is_ok() {
            *told += 1;
        }
        *told
    }

    fn serve(&mut self, flow: &Flow, fd: OwnedFd, words: &'static str) {
        match flow.key.transport {
            sidestream_flow::Transport::Tcp => {
                _ = TcpStream::from(fd).write_all(words.as_bytes());
            }
            sidestream_flow::Transport::Udp => {
                self.udp.insert(flow.id, (fd.into(), words));
            }
        }
    }
}
