//! Exchanges as a program has them, one a flow's whole life of requests.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use anyhow::bail;
use bytes::Bytes;
use sidestream_flow::{ExchangeId, FlowId, FlowKey, Transport};
use sidestream_record::{
    Entry, Event, Field, Fields, Opened, Part, RequestHead, ResponseHead, Version,
};

/// How many exchanges a flow has.
const EXCHANGES: u64 = 100;

/// What the bodies are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// Text, each another.
    Text,
    /// What does not shrink, each another.
    Noise,
    /// What does not shrink, the same each time.
    Same,
}

impl Body {
    pub(super) fn parse(word: &str) -> anyhow::Result<Self> {
        Ok(match word {
            "text" => Self::Text,
            "noise" => Self::Noise,
            "same" => Self::Same,
            _ => bail!("there are bodies of text, of noise, and the same each time"),
        })
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Noise => "noise",
            Self::Same => "same",
        }
    }
}

/// Makes the entries of exchanges.
#[derive(Debug)]
pub(super) struct Exchanges {
    body: Body,
    bytes: usize,
    /// As long as a body and half again, so that each can begin elsewhere.
    source: Bytes,
}

impl Exchanges {
    pub(super) fn new(body: Body, bytes: usize) -> Self {
        let len = bytes + bytes / 2 + 4096;
        let source = match body {
            Body::Text => text(len),
            Body::Noise | Body::Same => noise(len),
        };
        Self { body, bytes, source }
    }

    /// Returns the entries of the exchange of that number, from 1, and of its flow where it is
    /// the flow's first.
    pub(super) fn entries(&self, number: u64) -> Vec<Entry> {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        let at = at + Duration::from_micros(number * 100);
        let flow = FlowId(1 + (number - 1) / EXCHANGES);
        let exchange = ExchangeId(number);
        let key = FlowKey {
            transport: Transport::Tcp,
            client: ([10, 0, 0, 2], 40_000 + (flow.0 % 20_000) as u16).into(),
            server: ([192, 0, 2, 1], 443).into(),
        };
        let opened = Event::Opened(Opened { key, process: None, via: "bench".into() });
        let is_first = (number - 1).is_multiple_of(EXCHANGES);
        let opened = is_first.then_some(opened);
        let (request, response) = (Part::Request, Part::Response);
        let url = format!("https://origin.test/items/{number}?page=2");
        let head = RequestHead {
            method: "GET".into(),
            target: format!("/items/{number}?page=2").into(),
            version: Version::Http11,
            fields: REQUEST.iter().map(field).collect(),
        };
        let events = [
            Event::Request { exchange, url, head },
            Event::PartEnded { exchange, part: request },
            Event::Response { exchange, head: self.response(number) },
        ];
        let pieces = self.body(number).into_iter().map(|data| Event::Body {
            exchange,
            part: response,
            data,
        });
        let last = [
            Event::PartEnded { exchange, part: response },
            Event::ExchangeEnded { exchange, failure: None },
        ];
        let events = opened.into_iter().chain(events).chain(pieces).chain(last);
        events.map(|event| Entry { at, flow, event }).collect()
    }

    fn response(&self, number: u64) -> ResponseHead {
        let mut fields: Vec<_> = RESPONSE.iter().map(field).collect();
        fields.push(Field { name: "Content-Length".into(), value: self.bytes.to_string().into() });
        fields.push(Field { name: "ETag".into(), value: format!("\"{number:x}\"").into() });
        ResponseHead {
            version: Version::Http11,
            status: 200,
            reason: "OK".into(),
            fields: fields.into_iter().collect::<Fields>(),
        }
    }

    /// The body in pieces as TLS gives them.
    fn body(&self, number: u64) -> Vec<Bytes> {
        let mut whole = match self.body {
            Body::Same => self.source.slice(..self.bytes),
            Body::Text | Body::Noise => {
                let begin = (number as usize).wrapping_mul(7919) % (self.bytes / 2 + 4096 - 16);
                let mut data = self.source[begin..begin + self.bytes].to_vec();
                // No two are alike in any chunk.
                for chunk in data.chunks_mut(4096).filter(|chunk| chunk.len() >= 16) {
                    let mut name = String::new();
                    let _infallible = write!(name, "{number:016x}");
                    chunk[..16].copy_from_slice(name.as_bytes());
                }
                data.into()
            }
        };
        let mut pieces = Vec::new();
        while !whole.is_empty() {
            pieces.push(whole.split_to(whole.len().min(16 * 1024)));
        }
        pieces
    }
}

const REQUEST: [(&str, &str); 6] = [
    ("Host", "origin.test"),
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("Accept", "application/json, text/plain, */*"),
    ("Accept-Language", "en-US,en;q=0.5"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Cookie", "session=0123456789abcdef0123456789abcdef; theme=dark"),
];

const RESPONSE: [(&str, &str); 6] = [
    ("Server", "nginx"),
    ("Date", "Sun, 22 Nov 2026 12:00:00 GMT"),
    ("Content-Type", "application/json; charset=utf-8"),
    ("Cache-Control", "no-cache, private"),
    ("Vary", "Accept-Encoding, Origin"),
    ("Strict-Transport-Security", "max-age=31536000; includeSubDomains"),
];

fn field((name, value): &(&'static str, &'static str)) -> Field {
    Field { name: Bytes::from_static(name.as_bytes()), value: Bytes::from_static(value.as_bytes()) }
}

/// Records of people, as an API gives them.
fn text(len: usize) -> Bytes {
    let mut text = String::with_capacity(len + 128);
    let mut state = 1_u64;
    while text.len() < len {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let (id, amount) = (state >> 40, state >> 52);
        let _infallible = writeln!(
            text,
            "{{\"id\": {id}, \"name\": \"user{amount}\", \"active\": true, \"balance\": {amount}.50}},"
        );
    }
    text.truncate(len);
    text.into()
}

fn noise(len: usize) -> Bytes {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(|_| next()).collect::<Vec<_>>().into()
}
