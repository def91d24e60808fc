//! Two ends of a socket in one process.

mod order;
mod peer;
mod wrong;

use std::io::{PipeReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use sidestream_flow::{FlowKey, Transport};
use sidestream_ipc::{Flow, FlowVerdict, Message, encode};

use super::receiver::Received;
use super::{Channel, ChannelError, Receiver, Sender};

fn pair() -> (Sender, Receiver) {
    let (sender, receiver) = both();
    (sender.split().0, receiver.split().1)
}

fn both() -> (Channel, Channel) {
    let (one, other) = UnixStream::pair().unwrap();
    (Channel::new(one).unwrap(), Channel::new(other).unwrap())
}

/// A receiver, and the plain socket at its other end.
fn raw() -> (UnixStream, Receiver) {
    let (one, other) = UnixStream::pair().unwrap();
    (one, Channel::new(other).unwrap().split().1)
}

fn flow(id: u64) -> Message {
    let addr = "192.0.2.1:443".parse().unwrap();
    Message::Flow(Flow {
        id,
        key: FlowKey { transport: Transport::Tcp, client: addr, server: addr },
        process: None,
        verdict: FlowVerdict::Intercept,
        bound: None,
        path_mtu_discovery: 0,
        net: None,
    })
}

fn datagram(flow: u64, len: usize) -> Message {
    Message::Datagram { flow, payload: Bytes::from(vec![b'.'; len]) }
}

fn encoded(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(message, &mut bytes).unwrap();
    bytes
}

/// Receives if there is something, and drops the future otherwise.
fn receive_now(receiver: &mut Receiver) -> Option<Received> {
    match receiver.poll_receive(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(received) => Some(received),
        Poll::Pending => None,
    }
}

/// A descriptor, and what tells when every copy of it is closed.
fn witnessed() -> (OwnedFd, PipeReader) {
    let (reader, writer) = std::io::pipe().unwrap();
    (writer.into(), reader)
}

/// Waits until every copy of the descriptor is closed.
fn assert_closed(mut witness: PipeReader) {
    assert_eq!(witness.read(&mut [0]).unwrap(), 0);
}
