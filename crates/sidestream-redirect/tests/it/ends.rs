//! How it ends, and changes of the spec.

use std::io::ErrorKind;

use sidestream_capture::{SetSpecError, recv_packet, send_packet};
use sidestream_ipc::{Message, PacketTag, Refused, SetSpec};
use sidestream_packet::{Batch, Offload};
use sidestream_redirect::Device;

use crate::redirector::started;

async fn broken(device: &mut Device) -> std::io::Error {
    recv_packet(device, &mut [0; 64]).await.unwrap_err()
}

#[tokio::test]
async fn a_new_spec_is_in_force_once_that_is_said() {
    let (redirector, mut fake) = started(4096).await;
    let set = redirector.control.set_spec("node".parse().unwrap());
    let answer = async {
        let spec = "node".to_owned();
        let expected = Message::SetSpec(SetSpec { serial: 1, spec, reset_existing: true });
        assert_eq!(fake.hear().await, Some(expected));
        // Nobody asked for this one.
        fake.say(&Message::SpecSet { serial: 9, error: None }).await;
        fake.say(&Message::SpecSet { serial: 1, error: None }).await;
    };
    let (set, ()) = tokio::join!(set, answer);
    set.unwrap();

    let set = redirector.control.set_spec("node".parse().unwrap());
    fake.say(&Message::SpecSet { serial: 2, error: Some("too long".to_owned()) }).await;
    let Err(SetSpecError::System(error)) = set.await else { panic!("it is taken") };
    assert_eq!(error.to_string(), "too long");
}

#[tokio::test]
async fn when_the_redirector_goes_all_is_told() {
    let (mut redirector, fake) = started(4096).await;
    let set = redirector.control.set_spec("node".parse().unwrap());
    drop(fake);
    assert!(matches!(set.await, Err(SetSpecError::Over)));
    let error = broken(&mut redirector.device).await;
    assert_eq!(error.to_string(), "the redirector ended; captured programs now connect directly");
    let set = redirector.control.set_spec("node".parse().unwrap());
    assert!(matches!(set.await, Err(SetSpecError::Over)));
    // What is sent is noticed with the first write that fails.
    let mut sent = Ok(());
    for _ in 0..100 {
        sent = send_packet(&mut redirector.device, b"packet", Offload::default()).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(sent.unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn what_came_before_the_end_is_still_taken() {
    let (mut redirector, mut fake) = started(4096).await;
    let mut batch = Batch::default();
    batch.push(b"last", PacketTag::default());
    fake.say(&Message::Packets(batch)).await;
    fake.say(&Message::Refused(Refused { what: "no driver".to_owned(), remedy: None })).await;
    let mut buf = [0; 64];
    let received = recv_packet(&mut redirector.device, &mut buf).await.unwrap().unwrap();
    assert_eq!(&buf[..received.len], b"last");
    assert_eq!(broken(&mut redirector.device).await.to_string(), "no driver");
    assert!(recv_packet(&mut redirector.device, &mut buf).await.unwrap().is_none());
}

#[tokio::test]
async fn nonsense_ends_it() {
    for (bytes, expected) in [
        (&[0; 4][..], "is empty"),
        (&[3, 0, 0, 0, 1, 2, 3], "malformed"),
        (&[4, 0, 0, 0, 0x32], "the redirector ended"),
        (&[2, 0, 0, 0, 0x2a, 0], "the redirector sent `knocked` out of turn"),
    ] {
        let (mut redirector, mut fake) = started(4096).await;
        fake.say_bytes(bytes).await;
        drop(fake);
        let error = broken(&mut redirector.device).await.to_string();
        assert!(error.contains(expected), "{error}");
    }
    let (mut redirector, mut fake) = started(1 << 20).await;
    let mut batch = Batch::default();
    batch.push(&[0; 65_576], PacketTag::default());
    fake.say(&Message::Packets(batch)).await;
    let error = broken(&mut redirector.device).await.to_string();
    assert_eq!(error, "the redirector sent a packet of 65576 bytes");
}

#[tokio::test]
async fn it_is_asked_to_stop_and_hung_up_on() {
    let (redirector, mut fake) = started(4096).await;
    redirector.stop();
    assert_eq!(fake.hear().await, Some(Message::Stop));
    drop(redirector);
    assert_eq!(fake.hear().await, None);
}
