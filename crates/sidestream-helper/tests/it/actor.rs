//! Programs that are captured: this executable, started anew and told what to do line by line.

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::deeds;
use crate::proxy::{CAPTURED, Proxy};
use crate::server;

const ACTOR: &str = "SIDESTREAM_TEST_ACTOR";

/// What stands before an answer, among what the test harness prints.
const MARK: &str = "answer: ";

/// How many datagrams a burst has.
pub(crate) const BURST: usize = 20;

/// A program that does as it is told.
pub(crate) struct Actor {
    child: Child,
    /// Closed, it ends the program, also one that is another user's.
    tell: Option<ChildStdin>,
    hear: BufReader<ChildStdout>,
}

impl Actor {
    /// Starts a program that makes connections.
    pub(crate) fn client() -> Self {
        Self::start("client", None)
    }

    /// Starts a program of another user.
    pub(crate) fn client_of(uid: u32) -> Self {
        Self::start("client", Some(uid))
    }

    /// Starts a program in the network namespace that is mounted there.
    pub(crate) fn client_in(net: &Path) -> Self {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", net.display())).arg(env::current_exe().unwrap());
        Self::spawn(command, "client", None)
    }

    fn start(part: &str, uid: Option<u32>) -> Self {
        Self::spawn(Command::new(env::current_exe().unwrap()), part, uid)
    }

    fn spawn(mut command: Command, part: &str, uid: Option<u32>) -> Self {
        command
            .args(["--exact", "actor::plays_its_part", "--nocapture", "--test-threads=1"])
            .env(ACTOR, part)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if let Some(uid) = uid {
            command.uid(uid).gid(uid);
        }
        let mut child = command.spawn().unwrap();
        let tell = child.stdin.take();
        let hear = BufReader::new(child.stdout.take().unwrap());
        Self { child, tell, hear }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Connects and returns what the other end says until it closes, or the error.
    pub(crate) fn tcp(&mut self, server: SocketAddr) -> String {
        self.ask(&format!("tcp {server}"))
    }

    /// Sends a datagram and returns the answer.
    pub(crate) fn udp(&mut self, server: SocketAddr) -> String {
        self.ask(&format!("udp {server}"))
    }

    /// Connects many times, each time when the last connection has ended; returns how many were
    /// answered by the proxy.
    pub(crate) fn tcp_times(&mut self, server: SocketAddr, count: usize) -> String {
        self.ask(&format!("times {count} {server}"))
    }

    /// Sends datagrams one behind the other without waiting for answers, and closes the socket.
    pub(crate) fn burst(&mut self, server: SocketAddr) {
        assert_eq!(self.ask(&format!("burst {server}")), "sent");
    }

    /// Runs a program and returns what it prints.
    pub(crate) fn run(&mut self, line: &str) -> String {
        self.ask(&format!("run {line}"))
    }

    /// Connects and holds the connection; [`hear`](Self::hear) then tells how it ends.
    pub(crate) fn hold(&mut self, server: SocketAddr) {
        assert_eq!(self.ask(&format!("hold {server}")), "held");
    }

    /// Becomes a proxy with a helper of its own, whose pid is returned.
    pub(crate) fn capture(&mut self, spec: &str) -> u32 {
        self.ask(&format!("capture {spec}")).parse().unwrap()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Tells it what to do and returns what came of it.
    pub(crate) fn ask(&mut self, question: &str) -> String {
        writeln!(self.tell.as_mut().unwrap(), "{question}").unwrap();
        self.hear()
    }

    /// Waits for an answer.
    pub(crate) fn hear(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(self.hear.read_line(&mut line).unwrap(), 0, "the actor has gone");
            // The harness may have begun the line.
            if let Some((_, answer)) = line.split_once(MARK) {
                return answer.trim_end().to_owned();
            }
        }
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        self.tell = None;
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

#[test]
fn plays_its_part() {
    if env::var_os(ACTOR).is_none() {
        return;
    }
    let (mut proxies, mut held) = (Vec::new(), Vec::new());
    for line in io::stdin().lines() {
        let line = line.unwrap();
        let (kind, rest) = line.split_once(' ').unwrap();
        let server = || rest.parse().unwrap();
        answer(match kind {
            "capture" => {
                proxies.push(Proxy::start(rest));
                Ok(proxies.last().unwrap().helper.pid().to_string())
            }
            "burst" => burst(server()),
            "crowd" => deeds::crowd(rest),
            "drop" => {
                held.clear();
                Ok("dropped".to_owned())
            }
            "execs" => deeds::execs(rest),
            "fill" => deeds::fill(rest).map(|socket| {
                held.push(socket);
                "filled".to_owned()
            }),
            "hold" => hold(server()),
            "listen" => deeds::listen(rest),
            "load" => Ok(deeds::load(rest)),
            "marked" => deeds::marked(server()),
            "rush" => deeds::rush(rest),
            "serve" => Ok(server::start(rest).to_string()),
            "times" => times(rest),
            "run" => run(rest),
            "tcp" => tcp(server()),
            _ => udp(server()),
        });
    }
}

fn answer(answer: io::Result<String>) {
    let answer = answer.unwrap_or_else(|error| format!("error: {:?}", error.kind()));
    let mut out = io::stdout();
    writeln!(out, "{MARK}{answer}").unwrap();
    out.flush().unwrap();
}

fn times(rest: &str) -> io::Result<String> {
    let (count, server) = rest.split_once(' ').unwrap();
    let mut captured = 0;
    for _ in 0..count.parse::<usize>().unwrap() {
        let said = tcp(server.parse().unwrap())?;
        captured += usize::from(said.starts_with(CAPTURED));
    }
    Ok(captured.to_string())
}

fn burst(server: SocketAddr) -> io::Result<String> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    for _ in 0..BURST {
        socket.send_to(b"question", server)?;
    }
    Ok("sent".to_owned())
}

fn hold(server: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(server)?;
    answer(Ok("held".to_owned()));
    stream.read_to_string(&mut String::new())?;
    Ok("closed".to_owned())
}

fn run(line: &str) -> io::Result<String> {
    let mut words = line.split_whitespace();
    let output = Command::new(words.next().unwrap()).args(words).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

pub(crate) fn tcp(server: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let (peer, mut said) = (stream.peer_addr()?, String::new());
    stream.read_to_string(&mut said)?;
    Ok(format!("{said} by {peer}"))
}

fn udp(server: SocketAddr) -> io::Result<String> {
    let any: SocketAddr =
        if server.is_ipv4() { ([0; 4], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(any)?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    socket.send_to(b"question", server)?;
    let mut buf = [0; 64];
    let (len, from) = socket.recv_from(&mut buf)?;
    Ok(format!("{} by {from}", String::from_utf8_lossy(&buf[..len])))
}
