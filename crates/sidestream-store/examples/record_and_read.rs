//! Records an exchange and reads it back: `record_and_read [FILE]`.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::time::SystemTime;

use bytes::Bytes;
use sidestream_flow::{FlowKey, Transport};
use sidestream_record::{
    Book, Closed, Entry, Event, Fields, Finished, Opened, Part, Recorded, RequestHead,
    ResponseHead, Sink, Version, wording,
};
use sidestream_store::{Reader, Session};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path =
        std::env::args_os().nth(1).map_or_else(|| folder.path().join("a.session"), Into::into);
    record(&path)?;

    let reader = Reader::open(&path)?;
    let mut book = Book::default();
    for entry in reader.entries(..) {
        for finished in book.apply(&entry?) {
            if let Finished::Exchange(flow, exchange) = finished {
                println!("{}", wording::exchange(&flow, &exchange));
                let mut body = reader.body(exchange.id, Part::Response);
                std::io::copy(&mut body, &mut std::io::stdout())?;
            }
        }
    }
    println!("{:?}", reader.contents()?);
    Ok(())
}

fn record(path: &std::path::Path) -> Result<(), Box<dyn Error>> {
    let session = Session::create(path)?;
    let (flow, exchange) = (session.ids().flow(), session.ids().exchange());
    let key = FlowKey {
        transport: Transport::Tcp,
        client: ([10, 0, 0, 2], 40000).into(),
        server: ([192, 0, 2, 1], 80).into(),
    };
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
        Event::Body { exchange, part: Part::Response, data: Bytes::from_static(b"hello\n") },
        Event::ExchangeEnded { exchange, failure: None },
        Event::Closed(Closed { received: 40, sent: 60, failure: None }),
    ];
    let recorder = session.writer();
    for event in events {
        let recorded = recorder.record(&Entry { at: SystemTime::now(), flow, event });
        assert_eq!(recorded, Recorded::Accepted, "the session keeps up with six entries");
    }
    println!("{:?}", session.close()?);
    Ok(())
}
