//! Adds up the events of one exchange and prints the line that a user sees.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use sidestream_flow::{ExchangeId, FlowId, FlowKey, Transport};
use sidestream_record::{
    Book, Entry, Event, Fields, Finished, Opened, Part, RequestHead, ResponseHead, Version, wording,
};

fn main() {
    let key = FlowKey {
        transport: Transport::Tcp,
        client: ([10, 0, 0, 2], 40000).into(),
        server: ([192, 0, 2, 1], 80).into(),
    };
    let exchange = ExchangeId(1);
    let request = RequestHead {
        method: Bytes::from_static(b"GET"),
        target: Bytes::from_static(b"/"),
        version: Version::Http11,
        fields: Fields::default(),
    };
    let response = ResponseHead {
        version: Version::Http11,
        status: 200,
        reason: Bytes::from_static(b"OK"),
        fields: Fields::default(),
    };
    let events = [
        Event::Opened(Opened { key, process: None, via: "run".into() }),
        Event::Request { exchange, url: "http://www.example.test/".into(), head: request },
        Event::Response { exchange, head: response },
        Event::Body { exchange, part: Part::Response, data: Bytes::from_static(b"hello") },
        Event::ExchangeEnded { exchange, failure: None },
    ];
    let mut book = Book::default();
    for (millis, event) in (0..).zip(events) {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        for finished in book.apply(&Entry { at, flow: FlowId(1), event }) {
            if let Finished::Exchange(flow, exchange) = finished {
                println!("{}", wording::exchange(&flow, &exchange));
            }
        }
    }
}
