//! What a book keeps of a flow in which something happens without end.

use std::time::SystemTime;

use bytes::Bytes;
use sidestream_flow::{ExchangeId, FlowId, Peer, Transport};
use sidestream_record::{
    Alteration, Book, Closed, Entry, Event, Exchange, Finished, Flow, Opened, Part,
};

use crate::{key, request, response};

const TIMES: u32 = 10_000;

/// Lets something happen over and over, and returns the exchange and the flow.
fn after(event: impl Fn(u32) -> Event) -> (Option<Exchange>, Flow) {
    let opened =
        Event::Opened(Opened { key: key(Transport::Tcp), process: None, via: "run".into() });
    let closed = Event::Closed(Closed::default());
    let mut book = Book::keeping(4);
    let (mut last, mut flow) = (None, None);
    for event in [opened, request(1)].into_iter().chain((0..TIMES).map(event)).chain([closed]) {
        let entry = Entry { at: SystemTime::UNIX_EPOCH, flow: FlowId(1), event };
        for finished in book.apply(&entry) {
            match finished {
                Finished::Exchange(_, exchange) => last = Some(*exchange),
                Finished::Flow(closed) => flow = Some((*closed).clone()),
                _ => unreachable!("there is no other kind"),
            }
        }
    }
    (last, flow.expect("it was closed"))
}

#[test]
fn the_first_hundred_interim_responses_are_kept() {
    let (exchange, _) = after(|_| response(1, 103));
    assert_eq!(exchange.unwrap().interim.len(), 100);
}

#[test]
fn the_first_hundred_defects_are_kept() {
    let defect = |exchange| {
        move |number: u32| Event::Defect { exchange, from: Peer::Client, what: number.to_string() }
    };
    let (exchange, _) = after(defect(Some(ExchangeId(1))));
    assert_eq!(exchange.unwrap().defects.last().unwrap(), "99");
    let (_, flow) = after(defect(None));
    assert_eq!(flow.defects.last().unwrap(), "99");
}

#[test]
fn the_first_hundred_alterations_are_kept() {
    let altered =
        |exchange| move |_| Event::Altered { exchange, alteration: Alteration::TlsTerminated };
    let (exchange, _) = after(altered(Some(ExchangeId(1))));
    assert_eq!(exchange.unwrap().alterations.len(), 100);
    let (_, flow) = after(altered(None));
    assert_eq!(flow.alterations.len(), 100);
}

#[test]
fn the_last_hundred_servers_are_kept() {
    let (_, flow) = after(|server| Event::Connected { server, addr: ([192, 0, 2, 1], 80).into() });
    assert_eq!((flow.servers.len(), flow.servers.last().unwrap().0), (100, TIMES - 1));
}

#[test]
fn a_body_is_kept_by_its_beginning() {
    let data = Bytes::from_static(b"abc");
    let body =
        |_| Event::Body { exchange: ExchangeId(1), part: Part::Response, data: data.clone() };
    let (exchange, _) = after(body);
    let body = exchange.unwrap().response_body;
    assert_eq!((body.beginning.as_slice(), body.bytes), (&b"abca"[..], 3 * u64::from(TIMES)));
}
