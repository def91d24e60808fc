//! What peers of TLS showed is kept once, as long as a flow is there that saw it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};
use sidestream_flow::{FlowId, Ids, Peer};
use sidestream_record::{Certificate, Closed, Entry, Event, Recorded, Sink, Tls, TlsVersion};
use sidestream_store::{Reader, Retention, Session, Span};

use crate::generate::certificate;
use crate::play::{opened, place, request};

fn secured(certificates: &[&Arc<Certificate>]) -> Event {
    Event::Secured(Box::new(Tls {
        peer: Peer::Server(0),
        version: TlsVersion::Tls13,
        cipher: "TLS_AES_128_GCM_SHA256".into(),
        group: None,
        resumed: false,
        sni: None,
        alpn: None,
        ja4: None,
        certificates: certificates.iter().copied().cloned().collect(),
        client_certificate: None,
        differences: None,
    }))
}

/// A certificate of a usual size, which does not shrink.
fn large(number: u64) -> Arc<Certificate> {
    let piece = |piece: u64| Sha256::digest([number, piece].map(u64::to_be_bytes).concat());
    let der: Vec<u8> = (0..40).flat_map(piece).collect();
    let sha256 = Sha256::digest(&der).into();
    Arc::new(Certificate { sha256, der: der.into(), ..certificate(number % 8) })
}

fn record(session: &Session, flow: FlowId, events: impl IntoIterator<Item = Event>) {
    for event in events {
        let entry = Entry { at: SystemTime::now(), flow, event };
        assert_eq!(session.writer().record(&entry), Recorded::Accepted);
    }
}

/// A flow with an exchange, in which a server shows that.
fn flow(ids: &Ids, session: &Session, shown: &[&Arc<Certificate>]) {
    let exchange = ids.exchange();
    let ended = Event::ExchangeEnded { exchange, failure: None };
    let closed = Event::Closed(Closed { received: 1, sent: 1, failure: None });
    record(session, ids.flow(), [opened(), secured(shown), request(exchange), ended, closed]);
}

/// What was shown, by flow.
fn shown(path: &Path) -> Vec<Vec<Arc<Certificate>>> {
    let reader = Reader::open(path).unwrap();
    let entries = reader.entries(Span::ALL).map(Result::unwrap);
    let shown = |entry: Entry| match entry.event {
        Event::Secured(tls) => Some(tls.certificates),
        _ => None,
    };
    entries.filter_map(shown).collect()
}

fn number(path: &Path, query: &str) -> i64 {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.query_row(query, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_chain_is_written_once_however_many_flows_are_shown_it() {
    let (_folder, path) = place();
    let chain = [large(1), large(2)];
    let size = |flows: usize, chain: &[&Arc<Certificate>]| {
        let (_folder, path) = place();
        let session = Session::create(&path).unwrap();
        (0..flows).for_each(|_| flow(&session.ids(), &session, chain));
        session.close().unwrap();
        std::fs::metadata(&path).unwrap().len()
    };
    let session = Session::create(&path).unwrap();
    let ids = session.ids();
    for _ in 0..200 {
        flow(&ids, &session, &[&chain[0], &chain[1]]);
    }
    session.close().unwrap();
    let found = shown(&path);
    assert_eq!(found.len(), 200);
    assert!(found.iter().all(|found| found[..] == chain));
    // One in memory, too.
    assert!(found.iter().all(|other| Arc::ptr_eq(&other[0], &found[0][0])));
    assert_eq!(number(&path, "SELECT count(*) FROM certificate"), 2);
    assert!(Reader::open(&path).unwrap().verify().unwrap().is_sound());
    let (with, without) = (size(200, &[&chain[0], &chain[1]]), size(200, &[]));
    // 2,560 bytes of certificates.
    assert!(with - without < 200 * 100, "{with} {without}");
}

#[test]
fn a_certificate_goes_with_the_last_flow_that_was_shown_it() {
    let (_folder, path) = place();
    let keep = Retention { exchanges: Some(50), ..Retention::ALL };
    let session = Session::create_keeping(&path, keep).unwrap();
    let ids = session.ids();
    let (every, long, own) = (large(1), large(2), large(3));
    // It stays open; others that end see the same.
    let open = ids.flow();
    record(&session, open, [opened(), secured(&[&long, &every])]);
    flow(&ids, &session, &[&long, &own]);
    for round in 0..200 {
        flow(&ids, &session, &[&large(100 + round), &every]);
    }
    session.close().unwrap();
    let held = |path: &Path| {
        let held: BTreeSet<_> = shown(path).into_iter().flatten().map(|it| it.sha256).collect();
        assert_eq!(number(path, "SELECT count(*) FROM certificate"), held.len() as i64);
        assert!(Reader::open(path).unwrap().verify().unwrap().is_sound());
        held
    };
    let found = held(&path);
    assert!(found.contains(&long.sha256) && found.contains(&every.sha256));
    assert!(!found.contains(&own.sha256) && !found.contains(&large(100).sha256));

    let session = Session::create_keeping(&path, keep).unwrap();
    let ids = session.ids();
    record(&session, open, [Event::Closed(Closed { received: 1, sent: 1, failure: None })]);
    for round in 0..200 {
        flow(&ids, &session, &[&large(500 + round)]);
    }
    session.close().unwrap();
    let found = held(&path);
    assert!(!found.contains(&long.sha256) && !found.contains(&every.sha256));
}

#[test]
fn a_certificate_with_a_byte_changed_is_not_taken_for_what_was_shown() {
    let (_folder, path) = place();
    let session = Session::create(&path).unwrap();
    flow(&session.ids(), &session, &[&certificate(1).into()]);
    session.close().unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    let payload: Vec<u8> =
        connection.query_row("SELECT payload FROM certificate", [], |row| row.get(0)).unwrap();
    for at in 0..payload.len() {
        let mut changed = payload.clone();
        changed[at] ^= 0x20;
        connection.execute("UPDATE certificate SET payload = ?1", [changed]).unwrap();
        let reader = Reader::open(&path).unwrap();
        let read: Vec<_> = reader.entries(Span::ALL).collect();
        assert_eq!(read.len(), 5, "{at}");
        // It is told where it is, and the rest is read.
        let damaged = read.iter().filter(|entry| entry.is_err()).count();
        assert!(damaged <= 1, "{at}");
        if damaged == 0 {
            // Without the number of the check there is none, and all else is as it was.
            assert!(at >= payload.len() - 6, "{at}");
            assert_eq!(shown(&path), [[certificate(1).into()]], "{at}");
        }
        assert_eq!(reader.verify().unwrap().is_sound(), damaged == 0, "{at}");
    }
}
