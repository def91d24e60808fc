//! An other side that goes, or does not keep to the protocol.

use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use sidestream_ipc::{DecodeError, EncodeError, Message, Start};

use super::{
    ChannelError, Receiver, assert_closed, both, datagram, encoded, flow, pair, raw, witnessed,
};
use crate::sys::imp::passing;

/// Sends bytes, `count` descriptors with them, and hangs up; checks what comes of it, and that
/// no descriptor stays open.
async fn check(bytes: &[u8], count: usize, first: Option<Message>, expected: &str) {
    let (stream, mut receiver) = raw();
    let (fd, witness) = witnessed();
    passing::send(stream.as_fd(), bytes, &vec![fd.as_raw_fd(); count]).unwrap();
    drop((stream, fd));
    if let Some(first) = first {
        assert_eq!(receiver.receive().await.unwrap().unwrap().0, first);
    }
    let error = receiver.receive().await.unwrap_err();
    assert_eq!(error.to_string(), expected);
    assert!(receiver.receive().await.unwrap().is_none(), "{expected}");
    // The receiver is still there.
    assert_closed(witness);
    drop(receiver);
}

#[tokio::test]
async fn descriptors_that_are_not_accounted_for_end_the_channel() {
    let (beat, opened) = (encoded(&Message::Beat), encoded(&flow(1)));
    let unannounced = |count| format!("{count} descriptors came that no frame announced");
    check(&beat, 1, Some(Message::Beat), &unannounced(1)).await;
    check(&opened, 2, Some(flow(1)), &unannounced(1)).await;
    check(&opened[..5], 5, None, &unannounced(5)).await;
    check(&opened, 0, None, "a frame announces 1 descriptors and 0 came").await;
    check(&opened, 16, None, "more descriptors came at once than any frame has").await;
}

#[tokio::test]
async fn garbage_ends_the_channel() {
    let empty = DecodeError::Empty { offset: 6 }.to_string();
    let bytes = [&encoded(&Message::Beat)[..], &[0; 4]].concat();
    check(&bytes, 0, Some(Message::Beat), &empty).await;
    check(&bytes, 2, Some(Message::Beat), &empty).await;
    let long = DecodeError::TooLong { offset: 0, len: u32::MAX }.to_string();
    check(&[0xff; 64], 3, None, &long).await;
}

#[tokio::test]
async fn what_only_a_newer_version_knows_is_skipped_with_its_descriptors() {
    let (mut stream, mut receiver) = raw();
    let (fd, witness) = witnessed();
    // Two descriptors, and kind 31.
    let unknown = [8, 0, 0, 0, 8, 2, 0xfa, 1, 3, 1, 2, 3];
    passing::send(stream.as_fd(), &unknown, &[fd.as_raw_fd(); 2]).unwrap();
    drop(fd);
    stream.write_all(&encoded(&Message::Beat)).unwrap();
    let (message, fds) = receiver.receive().await.unwrap().unwrap();
    assert_eq!((message, fds.len()), (Message::Beat, 0));
    assert_closed(witness);
}

#[tokio::test]
async fn an_other_side_that_goes_is_the_end_and_within_a_frame_an_error() {
    let cut = "the other side has gone in the middle of a frame, after 7 bytes of it";
    check(&encoded(&flow(1))[..7], 1, None, cut).await;

    let (stream, mut receiver) = raw();
    drop(stream);
    assert!(receiver.receive().await.unwrap().is_none());
}

#[tokio::test]
async fn it_may_go_before_it_has_read_everything() {
    let (one, other) = both();
    let (mut sender, mut receiver) = one.split();
    sender.send(&Message::Beat, &[]).await.unwrap();
    let (mut answers, _unread) = other.split();
    answers.send(&Message::Stop, &[]).await.unwrap();
    drop((answers, _unread));
    assert_eq!(receiver.receive().await.unwrap().unwrap().0, Message::Stop);
    assert!(receiver.receive().await.unwrap().is_none());

    let error = sender.send(&Message::Beat, &[]).await.unwrap_err();
    assert!(matches!(error, ChannelError::Closed), "{error:?}");
    assert_eq!(sender.queued_bytes(), 0);
}

#[tokio::test]
async fn descriptors_that_wait_are_closed_when_the_other_side_goes() {
    let (one, other) = UnixStream::pair().unwrap();
    let (mut sender, _receiver) = super::Channel::new(one).unwrap().split();
    let (fd, witness) = witnessed();
    sender.queue(&datagram(1, 1_000_000), Vec::new()).unwrap();
    sender.queue(&flow(1), vec![fd]).unwrap();
    let hang_up = async { drop(other) };
    let (flushed, ()) = tokio::join!(sender.flush(), hang_up);
    assert!(matches!(flushed, Err(ChannelError::Closed)), "{flushed:?}");
    assert_closed(witness);
}

#[tokio::test]
async fn descriptors_on_their_way_are_closed_with_both_ends() {
    let (mut sender, receiver): (_, Receiver) = pair();
    let (fd, witness) = witnessed();
    sender.queue(&flow(1), vec![fd]).unwrap();
    sender.flush().await.unwrap();
    drop((sender, receiver));
    assert_closed(witness);
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_and_nothing_else() {
    let (mut sender, mut receiver) = pair();
    let (fd, witness) = witnessed();
    let given = |sender: &mut super::Sender, message: &Message, fds: Vec<OwnedFd>| {
        sender.queue(message, fds).unwrap_err().to_string()
    };
    let takes =
        |takes, given| format!("the message takes {takes} descriptors and was given {given}");
    assert_eq!(given(&mut sender, &Message::Beat, vec![fd]), takes(0, 1));
    assert_closed(witness);
    assert_eq!(given(&mut sender, &flow(1), Vec::new()), takes(1, 0));

    let spec = "a".repeat(17 * 1024 * 1024);
    let message = Message::Start(Start { spec, reset_existing: false });
    let error = sender.send(&message, &[]).await.unwrap_err();
    let is_too_long = matches!(error, ChannelError::Encode(EncodeError::TooLong { .. }));
    assert!(is_too_long, "{error:?}");
    assert_eq!(sender.queued_bytes(), 0);

    sender.send(&Message::Beat, &[]).await.unwrap();
    assert_eq!(receiver.receive().await.unwrap().unwrap().0, Message::Beat);
}
