//! Captures of sessions that no machine here would make: broken, with gaps, of many servers.

use std::process::{Command, Stdio};

use insta::assert_snapshot;
use sidestream::flow::{Peer, Redacted, Transport};
use sidestream::packet::{Checksum, Packet};
use sidestream::record::{DialFailure, Event, Failure, Recorded, Secrets, Sink, Wire};
use sidestream::store::Session;
use sidestream_testkit::sidestream_binary;
use tempfile::TempDir;

use crate::sample::{self, Play};

fn number(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

/// Tells what a capture holds, a line a block.
fn outline(mut capture: &[u8]) -> String {
    let mut text = String::new();
    while !capture.is_empty() {
        let (kind, len) = (number(capture, 0), number(capture, 4));
        let body = &capture[8..len - 4];
        capture = &capture[len..];
        let printable = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            text.replace(|it: char| it.is_control(), " ").trim().to_owned()
        };
        text += &match kind {
            4 => format!("names {}\n", printable(&body[8..])),
            6 => {
                let len = number(body, 12);
                let packet = Packet::parse(&body[20..20 + len], Checksum::Complete).unwrap();
                format!("{} {packet}\n", number(body, 0))
            }
            10 => format!("secrets {}\n", printable(&body[8..])),
            _ => continue,
        };
    }
    text
}

/// Records these, exports them, and returns the exit status, what was told, and the capture.
fn exported(plays: &[Play]) -> (Option<i32>, String, Vec<u8>) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.session");
    let session = Session::create(&path).unwrap();
    for entry in plays.iter().flat_map(|play| &play.entries) {
        assert_eq!(session.writer().record(entry), Recorded::Accepted);
    }
    session.close().unwrap();
    let mut command = Command::new(sidestream_binary());
    command.args(["export", "pcapng"]).arg(&path).stdin(Stdio::null());
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), told, output.stdout)
}

fn wire(peer: Peer, sent: bool, text: &'static str) -> Event {
    Event::Wire(Box::new(Wire::of(peer, sent, text.into())))
}

fn gap(peer: Peer, sent: bool, dropped: u64) -> Event {
    Event::Wire(Box::new(Wire { dropped, ..Wire::of(peer, sent, "".into()) }))
}

#[test]
fn gaps_and_breaks_are_shown() {
    let mut play = Play::new(7, Transport::Tcp, "192.0.2.7:443", "run");
    let [client, server] = [Peer::Client, Peer::Server(0)];
    play.tell(Event::Connected { server: 0, addr: "192.0.2.7:443".parse().unwrap() });
    play.tell(Event::Named { host: "seven.test".into() });
    let lines = Redacted("CLIENT_RANDOM 01 02\n".to_owned());
    play.tell(Event::Secrets(Box::new(Secrets { peer: client, lines })));
    play.tell(wire(client, false, "question"));
    play.tell(wire(server, true, "question"));
    play.tell(gap(server, false, 1000));
    play.tell(gap(client, true, 234));
    play.tell(wire(server, false, "answer"));
    play.tell(Event::Wire(Box::new(Wire::end(client, false))));
    play.close(8, 6, Some(Failure::Reset(server)));
    let (code, told, capture) = exported(&[play]);
    assert_eq!(code, Some(1));
    assert_eq!(told, "sidestream: flow 7: 1234 bytes of what was on the wire are missing\n");
    assert_snapshot!(outline(&capture), @"
    names sidestream
    names sidestream
    names seven.test
    secrets CLIENT_RANDOM 01 02
    0 10.0.0.2:40000 > 192.0.2.7:443: tcp [S] seq 1093120150 win 65535 <mss 1460, scale 14> len 0
    0 192.0.2.7:443 > 10.0.0.2:40000: tcp [S.] seq 3747555919 ack 1093120151 win 65535 <mss 1460, scale 14> len 0
    0 10.0.0.2:40000 > 192.0.2.7:443: tcp [.] seq 1093120151 ack 3747555920 win 65535 len 0
    1 192.0.2.1:1024 > 192.0.2.7:443: tcp [S] seq 2107024393 win 65535 <mss 1460, scale 14> len 0
    1 192.0.2.7:443 > 192.0.2.1:1024: tcp [S.] seq 466492866 ack 2107024394 win 65535 <mss 1460, scale 14> len 0
    1 192.0.2.1:1024 > 192.0.2.7:443: tcp [.] seq 2107024394 ack 466492867 win 65535 len 0
    0 10.0.0.2:40000 > 192.0.2.7:443: tcp [P.] seq 1093120151 ack 3747555920 win 65535 len 8
    0 192.0.2.7:443 > 10.0.0.2:40000: tcp [.] seq 3747555920 ack 1093120159 win 65535 len 0
    1 192.0.2.1:1024 > 192.0.2.7:443: tcp [P.] seq 2107024394 ack 466492867 win 65535 len 8
    1 192.0.2.7:443 > 192.0.2.1:1024: tcp [.] seq 466492867 ack 2107024402 win 65535 len 0
    1 192.0.2.7:443 > 192.0.2.1:1024: tcp [P.] seq 466493867 ack 2107024402 win 65535 len 6
    1 192.0.2.1:1024 > 192.0.2.7:443: tcp [.] seq 2107024402 ack 466493873 win 65535 len 0
    0 10.0.0.2:40000 > 192.0.2.7:443: tcp [F.] seq 1093120159 ack 3747556154 win 65535 len 0
    0 192.0.2.7:443 > 10.0.0.2:40000: tcp [.] seq 3747556154 ack 1093120160 win 65535 len 0
    0 192.0.2.7:443 > 10.0.0.2:40000: tcp [R.] seq 3747556154 ack 1093120160 win 65535 len 0
    1 192.0.2.7:443 > 192.0.2.1:1024: tcp [R.] seq 466493873 ack 2107024402 win 65535 len 0
    ");
}

#[test]
fn a_refusal_is_shown_and_what_never_ended_stays_open() {
    let mut refused = Play::new(1, Transport::Tcp, "192.0.2.7:443", "run");
    refused.close(0, 0, Some(Failure::Dial(DialFailure::Refused)));
    let mut open = Play::new(2, Transport::Udp, "[2001:db8::7]:9", "run");
    open.tell(wire(Peer::Client, false, "one"));
    // Nobody said which server that is.
    open.tell(wire(Peer::Server(3), false, "two"));
    let (code, told, capture) = exported(&[refused, open]);
    assert_eq!((code, &*told), (Some(0), ""));
    assert_snapshot!(outline(&capture), @"
    names sidestream
    names sidestream
    1 192.0.2.1:1024 > 192.0.2.7:443: tcp [S] seq 3624331290 win 65535 <mss 1460, scale 14> len 0
    1 192.0.2.7:443 > 192.0.2.1:1024: tcp [R.] seq 0 ack 3624331291 win 65535 len 0
    0 [64:ff9b::a00:2]:40000 > [2001:db8::7]:9: udp len 3
    1 [2001:db8::7]:9 > [2001:db8::1]:1025: udp len 3
    ");
}

#[test]
fn content_alone_is_shown_apart() {
    let plays = [sample::https(), sample::tunnel(), sample::dns(), sample::raw()];
    let (code, told, capture) = exported(&plays);
    assert_eq!(code, Some(0));
    assert!(
        told.starts_with("sidestream: 5 exchanges and streams were recorded without"),
        "{told}"
    );
    let outline = outline(&capture);
    let with_content = outline.lines().filter(|line| !line.ends_with(" len 0"));
    assert_snapshot!(with_content.collect::<Vec<_>>().join("\n"), @"
    names sidestream
    names sidestream
    names example.test
    2 10.0.0.2:1025 > 192.0.2.1:80: tcp [P.] seq 2586635474 ack 946103948 win 65535 len 158
    2 192.0.2.1:80 > 10.0.0.2:1025: tcp [P.] seq 946103948 ack 2586635632 win 65535 len 722
    2 10.0.0.2:1026 > 127.0.0.1:80: tcp [P.] seq 902095226 ack 3556530996 win 65535 len 37
    2 127.0.0.1:80 > 10.0.0.2:1026: tcp [P.] seq 3556530996 ack 902095263 win 65535 len 19
    2 10.0.0.2:1027 > 127.0.0.1:80: tcp [P.] seq 3512522274 ack 1871990747 win 65535 len 18
    2 10.0.0.2:40000 > 192.0.2.53:53: udp len 30
    2 192.0.2.53:53 > 10.0.0.2:40000: udp len 70
    2 [2001:db8::1]:22 > [64:ff9b::a00:2]:40000: tcp [P.] seq 187450499 ack 1827982026 win 65535 len 14
    ");
}
