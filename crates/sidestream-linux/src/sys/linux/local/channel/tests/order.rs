//! What comes is what was sent, in order, whatever the pace.

use std::env;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::pin::pin;
use std::process::Command;
use std::task::{Context, Poll, Waker};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sidestream_ipc::Message;

use super::{
    Channel, Sender, assert_closed, both, datagram, encoded, flow, pair, raw, receive_now,
    witnessed,
};
use crate::sys::imp::{passing, raw as system};

/// Returns what tells one open file from another.
fn inode(fd: &OwnedFd) -> u64 {
    File::from(fd.try_clone().unwrap()).metadata().unwrap().ino()
}

#[tokio::test]
async fn a_thousand_flows_come_in_order_each_with_its_own_descriptor() {
    let (mut sender, mut receiver) = pair();
    let (said, heard) = std::sync::mpsc::channel();
    let send = async {
        for id in 0..1000 {
            let fd = OwnedFd::from(UnixDatagram::unbound().unwrap());
            said.send(inode(&fd)).unwrap();
            sender.queue(&datagram(id, 10), Vec::new()).unwrap();
            sender.send(&flow(id), &[fd.as_fd()]).await.unwrap();
            sender.queue(&Message::Closed { flow: id }, Vec::new()).unwrap();
        }
        sender.flush().await.unwrap();
        assert_eq!(sender.queued_bytes(), 0);
    };
    let receive = async {
        for id in 0..1000 {
            let (message, fds) = receiver.receive().await.unwrap().unwrap();
            assert_eq!((message, fds.len()), (datagram(id, 10), 0));
            let (message, fds) = receiver.receive().await.unwrap().unwrap();
            assert_eq!(message, flow(id));
            let [fd] = &fds[..] else { panic!("flow {id} has {} descriptors", fds.len()) };
            assert_eq!(inode(fd), heard.recv().unwrap(), "flow {id}");
            let (message, fds) = receiver.receive().await.unwrap().unwrap();
            assert_eq!((message, fds.len()), (Message::Closed { flow: id }, 0));
        }
    };
    tokio::join!(send, receive);
}

#[tokio::test]
async fn what_a_slow_reader_leaves_is_kept_and_counted() {
    let (mut sender, mut receiver) = pair();
    let mut witnesses = Vec::new();
    let mut expected = 0;
    for id in 0..200 {
        let (fd, witness) = witnessed();
        witnesses.push(witness);
        for (message, fds) in [(flow(id), vec![fd]), (datagram(id, 10_000), vec![])] {
            expected += encoded(&message).len();
            sender.queue(&message, fds).unwrap();
        }
    }
    assert_eq!(sender.queued_bytes(), expected);
    let flush = |sender: &mut Sender| sender.poll_flush(&mut Context::from_waker(Waker::noop()));
    while sender.queued_bytes() == expected {
        // The runtime has to notice that the socket takes something.
        tokio::task::yield_now().await;
        assert!(flush(&mut sender).is_pending());
    }
    assert!(flush(&mut sender).is_pending());
    assert!((1..expected).contains(&sender.queued_bytes()), "{}", sender.queued_bytes());

    let receive = async {
        for id in 0..200 {
            assert_eq!(receiver.receive().await.unwrap().unwrap().0, flow(id));
            assert_eq!(receiver.receive().await.unwrap().unwrap().0, datagram(id, 10_000));
        }
    };
    let (flushed, ()) = tokio::join!(sender.flush(), receive);
    flushed.unwrap();
    assert_eq!(sender.queued_bytes(), 0);
    // Both ends are alive, and neither holds a descriptor.
    witnesses.into_iter().for_each(assert_closed);
}

#[tokio::test]
async fn frames_share_a_call_and_descriptors_begin_one() {
    // This socket keeps what one call sends together.
    let (one, other) = system::socket_pair().unwrap();
    let (mut sender, _) = Channel::new(UnixStream::from(one)).unwrap().split();
    let (fd, _witness) = witnessed();
    let messages = [Message::Beat, datagram(1, 5), flow(1), datagram(1, 6), Message::Stop];
    let mut fds = Some(vec![fd]);
    for message in &messages {
        let fds = if message.descriptors() == 1 { fds.take().unwrap() } else { Vec::new() };
        sender.queue(message, fds).unwrap();
    }
    sender.flush().await.unwrap();
    for (part, came) in [(&messages[..2], 0), (&messages[2..], 1)] {
        let mut buf = [0; 4096];
        let (len, fds) = passing::receive(other.as_fd(), &mut buf).unwrap();
        assert_eq!(buf[..len], part.iter().flat_map(encoded).collect::<Vec<_>>());
        assert_eq!(fds.len(), came);
    }
}

#[tokio::test]
async fn nothing_is_lost_when_receiving_is_given_up() {
    let (mut stream, mut receiver) = raw();
    let (fd, witness) = witnessed();
    let frame = encoded(&flow(1));
    for (at, byte) in frame.iter().enumerate() {
        assert!(receive_now(&mut receiver).is_none());
        if at == 0 {
            use std::os::fd::AsRawFd;
            passing::send(stream.as_fd(), &[*byte], &[fd.as_raw_fd()]).unwrap();
        } else {
            stream.write_all(&[*byte]).unwrap();
        }
        // The runtime has to notice.
        let mut receive = pin!(receiver.receive());
        tokio::task::yield_now().await;
        if at + 1 == frame.len() {
            let (message, fds) = receive.await.unwrap().unwrap();
            assert_eq!((message, fds.len()), (flow(1), 1));
            break;
        }
        let polled = receive.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Pending));
    }
    drop(fd);
    assert_closed(witness);
}

#[tokio::test]
async fn a_frame_of_16_mib_passes() {
    let (mut sender, mut receiver) = pair();
    let large = datagram(1, 16 * 1024 * 1024 - 32);
    let (sent, received) = tokio::join!(sender.send(&large, &[]), receiver.receive());
    sent.unwrap();
    assert_eq!(received.unwrap().unwrap().0, large);
}

#[tokio::test]
async fn both_directions_are_one_connection() {
    let (one, other) = both();
    let ((mut sender, receiver), (mut answers, mut requests)) = (one.split(), other.split());
    drop(receiver);
    sender.send(&Message::Beat, &[]).await.unwrap();
    assert_eq!(requests.receive().await.unwrap().unwrap().0, Message::Beat);
    answers.send(&Message::Stop, &[]).await.unwrap();
    drop(sender);
    assert!(requests.receive().await.unwrap().is_none());
    assert!(requests.receive().await.unwrap().is_none());
}

#[test]
fn a_descriptor_that_there_is_no_room_for_is_lost_and_nothing_else() {
    const ALONE: &str = "SIDESTREAM_TEST_ALONE";
    if env::var_os(ALONE).is_some() {
        return lose_one();
    }
    // The limit is the whole process's.
    let test = "a_descriptor_that_there_is_no_room_for_is_lost_and_nothing_else";
    let (_crate, module) = module_path!().split_once("::").unwrap();
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", &format!("{module}::{test}"), "--test-threads=1"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

fn lose_one() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    runtime.block_on(async {
        let (mut sender, mut receiver) = pair();
        let (fd, witness) = witnessed();
        for id in 0..3 {
            sender.send(&flow(id), &[fd.as_fd()]).await.unwrap();
            sender.send(&datagram(id, 3), &[]).await.unwrap();
        }
        drop(fd);
        let limit = getrlimit(Resource::Nofile);
        let next = File::open("/dev/null").unwrap().as_raw_fd();
        for id in 0..3 {
            let (message, fds) = receiver.receive().await.unwrap().unwrap();
            assert_eq!((message, fds.len()), (flow(id), usize::from(id != 1)));
            // The next flow is read together with what comes before it.
            let current = if id == 0 { u64::try_from(next).ok() } else { limit.current };
            setrlimit(Resource::Nofile, Rlimit { current, ..limit }).unwrap();
            drop(fds);
            let (message, fds) = receiver.receive().await.unwrap().unwrap();
            assert_eq!((message, fds.len()), (datagram(id, 3), 0));
        }
        drop(sender);
        assert!(receiver.receive().await.unwrap().is_none());
        assert_closed(witness);
    });
}
