//! Packets, both ways.

use std::time::Duration;

use sidestream_capture::{PacketDriver as _, recv_packet, send_packet};
use sidestream_ipc::{Message, PacketTag};
use sidestream_packet::{Batch, Checksum, Offload};
use sidestream_redirect::Device;
use tokio::time::timeout;

use crate::redirector::{Fake, started};

const OFFLOAD: Offload =
    Offload { checksum: Checksum::Partial { start: 20, offset: 16 }, segment_size: Some(1400) };

fn batch(packets: &[&[u8]]) -> Message {
    let mut batch = Batch::default();
    for packet in packets {
        batch.push(packet, PacketTag { flow: 7, offload: OFFLOAD });
    }
    Message::Packets(batch)
}

async fn receive(device: &mut Device) -> Vec<u8> {
    let mut buf = vec![0; device.properties().buffer_len()];
    let received = recv_packet(device, &mut buf).await.unwrap().unwrap();
    assert_eq!(received.offload, OFFLOAD);
    buf[..received.len].to_vec()
}

/// Hears packets until they are so many.
async fn hear(fake: &mut Fake, count: usize) -> Vec<Vec<u8>> {
    let mut heard = Vec::new();
    while heard.len() < count {
        let Some(Message::Packets(batch)) = fake.hear().await else { panic!("no packets") };
        heard.extend(batch.iter().map(|(packet, tag)| {
            assert_eq!(*tag, PacketTag { flow: 0, offload: OFFLOAD });
            packet.to_vec()
        }));
    }
    heard
}

#[tokio::test]
async fn packets_come_in_their_order_however_the_stream_is_cut() {
    for room in [1, 7, 64, 1 << 20] {
        let (mut redirector, mut fake) = started(room).await;
        let say = async {
            fake.say(&batch(&[b"one", b"two"])).await;
            fake.say(&batch(&[])).await;
            fake.say(&batch(&[b"three"])).await;
        };
        let hear = async {
            for expected in ["one", "two", "three"] {
                assert_eq!(receive(&mut redirector.device).await, expected.as_bytes());
            }
        };
        tokio::join!(say, hear);
    }
}

#[tokio::test]
async fn packets_go_out_in_their_order_and_together_where_they_waited() {
    for room in [1, 7, 64, 1 << 20] {
        let (mut redirector, mut fake) = started(room).await;
        for packet in [&b"one"[..], b"two", b"three"] {
            send_packet(&mut redirector.device, packet, OFFLOAD).await.unwrap();
        }
        assert_eq!(hear(&mut fake, 3).await, [&b"one"[..], b"two", b"three"]);
    }
}

#[tokio::test]
async fn what_is_no_packet_is_refused_and_others_go_on() {
    let (mut redirector, mut fake) = started(1 << 20).await;
    let device = &mut redirector.device;
    for packet in [vec![], vec![0; 65_576]] {
        let error = send_packet(device, &packet, OFFLOAD).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    }
    send_packet(device, &[0; 65_575], OFFLOAD).await.unwrap();
    assert_eq!(hear(&mut fake, 1).await[0].len(), 65_575);

    fake.say(&batch(&[b"twelve bytes", b"more"])).await;
    let error = recv_packet(device, &mut [0; 11]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    assert_eq!(receive(device).await, b"twelve bytes");
    assert_eq!(receive(device).await, b"more");
}

#[tokio::test]
async fn a_slow_redirector_slows_the_device_and_loses_nothing() {
    let (mut redirector, mut fake) = started(1000).await;
    let device = &mut redirector.device;
    let packet = |number: u32| [&number.to_be_bytes()[..], &[0; 60_000]].concat();
    let mut sent = 0;
    // Nobody reads: at some time no more is taken.
    while timeout(Duration::from_millis(200), send_packet(device, &packet(sent), OFFLOAD))
        .await
        .is_ok()
    {
        sent += 1;
        assert!(sent < 100, "it takes what nobody hears");
    }
    let rest = async {
        for number in sent..sent + 20 {
            send_packet(device, &packet(number), OFFLOAD).await.unwrap();
        }
    };
    let (heard, ()) = tokio::join!(hear(&mut fake, sent as usize + 20), rest);
    let numbers = heard.iter().map(|packet| u32::from_be_bytes(packet[..4].try_into().unwrap()));
    assert!(numbers.eq(0..sent + 20));
}

#[tokio::test(start_paused = true)]
async fn signs_of_life_stop_while_nobody_takes_packets() {
    let (mut redirector, mut fake) = started(1 << 20).await;
    for _ in 0..3 {
        assert_eq!(fake.hear_any().await, Some(Message::Beat));
    }
    for _ in 0..5 {
        fake.say(&batch(&[b"packet"])).await;
    }
    // One that was due already may come yet.
    let mut beats = 0;
    while timeout(Duration::from_secs(60), fake.hear_any()).await.is_ok() {
        beats += 1;
        assert!(beats <= 1, "a sign of life though nothing is served");
    }
    assert_eq!(receive(&mut redirector.device).await, b"packet");
    assert_eq!(fake.hear_any().await, Some(Message::Beat));
}
