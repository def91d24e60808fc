//! The connection to the helper, with blocking calls.

use std::collections::VecDeque;
use std::io::{self, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use sidestream_ipc::{Decoder, Hello, Message, Start, encode};

use crate::ground::{HELPER, eventually};

/// A helper, which is killed when it is dropped.
pub(crate) struct Helper(Child);

impl Helper {
    /// Starts the helper and accepts its connection.
    pub(crate) fn start(args: &[&str]) -> (Self, Line) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let helper = Self::spawn(path.to_str().unwrap(), args);
        let (stream, _) = listener.accept().unwrap();
        (helper, Line { stream, decoder: Decoder::new(), fds: VecDeque::new() })
    }

    /// Starts the helper and leaves the rest to it.
    pub(crate) fn spawn(socket: &str, args: &[&str]) -> Self {
        let mut command = Command::new(HELPER);
        command.args(["serve", "--socket", socket]).args(args).stderr(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Kills it, as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Waits for its end and returns what it said.
    #[track_caller]
    pub(crate) fn end(&mut self) -> (ExitStatus, String) {
        eventually("the helper's end", || self.0.try_wait().unwrap().is_some());
        let mut words = String::new();
        self.0.stderr.take().unwrap().read_to_string(&mut words).unwrap();
        (self.0.wait().unwrap(), words)
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// The proxy's end of the connection.
pub(crate) struct Line {
    pub(crate) stream: UnixStream,
    decoder: Decoder,
    fds: VecDeque<OwnedFd>,
}

impl Line {
    /// Sends a message.
    pub(crate) fn send(&self, message: &Message) {
        send(&self.stream, message);
    }

    /// Receives a message with its descriptor; `None` at the end.
    pub(crate) fn receive(&mut self) -> Option<(Message, Option<OwnedFd>)> {
        loop {
            if let Some(frame) = self.decoder.poll_frame().unwrap() {
                let fd = (frame.descriptors > 0).then(|| self.fds.pop_front().unwrap());
                if let Some(message) = frame.message {
                    return Some((message, fd));
                }
                continue;
            }
            let mut buf = [0; 4096];
            let len = self.read(&mut buf).ok().filter(|&len| len > 0)?;
            self.decoder.feed(&buf[..len]);
        }
    }

    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let parts = &mut [IoSliceMut::new(buf)];
        let received = recvmsg(&self.stream, parts, &mut control, RecvFlags::CMSG_CLOEXEC)?;
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                self.fds.extend(fds);
            }
        }
        Ok(received.bytes)
    }

    /// Asks for a capture and knocks; returns whether it runs.
    pub(crate) fn start(&mut self, spec: &str, reset_existing: bool) -> Message {
        self.send(&Message::Hello(Hello::new("test")));
        self.send(&Message::Start(Start { spec: spec.to_owned(), reset_existing }));
        loop {
            match self.receive().unwrap().0 {
                Message::Knock(addr) => {
                    UdpSocket::bind("0.0.0.0:0").unwrap().connect(addr).unwrap_err();
                    self.send(&Message::Knocked);
                }
                answer @ (Message::Refused(_) | Message::Started(_)) => return answer,
                _ => {}
            }
        }
    }
}

/// Sends a message; a helper that has gone is noticed by its silence.
pub(crate) fn send(mut stream: &UnixStream, message: &Message) {
    let mut frame = Vec::new();
    encode(message, &mut frame).unwrap();
    _ = stream.write_all(&frame);
}
