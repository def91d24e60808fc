//! Exchanges as a browser and some programs have them over days, with next to no content.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use sidestream_flow::{ExchangeId, FlowId, FlowKey, Peer, Process, Transport};
use sidestream_record::{
    Entry, Event, Failure, Field, Fields, Opened, Part, Protocol, RequestHead, ResponseHead, Tls,
    TlsVersion, Version,
};

/// How many exchanges a flow has.
const EXCHANGES: u64 = 20;

const HOSTS: [&str; 8] = [
    "www.example.com",
    "api.example.com",
    "cdn.example.net",
    "images.example.net",
    "telemetry.example.org",
    "login.example.org",
    "registry.example.com",
    "static.example.com",
];
const PATHS: [&str; 5] =
    ["/v1/items/", "/assets/app-", "/search?q=", "/images/thumbnails/", "/events/"];
const METHODS: [&str; 20] = [
    "GET", "GET", "GET", "GET", "GET", "GET", "GET", "GET", "GET", "GET", "GET", "GET", "GET",
    "POST", "POST", "POST", "PUT", "HEAD", "OPTIONS", "DELETE",
];
const STATUSES: [u16; 10] = [200, 200, 200, 200, 200, 200, 204, 304, 404, 500];
const TYPES: [&str; 10] = [
    "application/json",
    "application/json; charset=utf-8",
    "text/html; charset=utf-8",
    "text/javascript",
    "text/css",
    "image/png",
    "image/jpeg",
    "font/woff2",
    "text/plain",
    "application/octet-stream",
];
const PROCESSES: [&str; 6] = ["firefox", "curl", "code", "updater", "python3", "mail"];

fn typed(content_type: &'static str) -> Fields {
    [Field::new("Content-Type", content_type)].into_iter().collect()
}

fn leg(peer: Peer, host: &str) -> Tls {
    Tls {
        peer,
        version: TlsVersion::Tls13,
        cipher: "TLS_AES_128_GCM_SHA256".into(),
        group: Some("X25519MLKEM768".into()),
        resumed: false,
        sni: Some(host.into()),
        alpn: Some("http/1.1".into()),
        ja4: Some("t13d1516h2_8daaf6152771_b0da82dd1658".into()),
        certificates: Vec::new(),
        client_certificate: None,
        differences: None,
    }
}

/// Makes the entries of exchanges, the same each time.
#[derive(Debug)]
pub(super) struct Made {
    processes: Vec<Arc<Process>>,
}

impl Made {
    pub(super) fn new() -> Self {
        let process = |index: u32| {
            let name = PROCESSES[index as usize % PROCESSES.len()];
            let path = Some(format!("/usr/bin/{name}").into());
            Arc::new(Process { pid: 1000 + index, name: name.into(), path, ..Process::default() })
        };
        Self { processes: (0..200).map(process).collect() }
    }

    /// Returns the entries of the exchange of that number, from 1, and of its flow where it is the
    /// flow's first.
    pub(super) fn entries(&self, number: u64) -> Vec<Entry> {
        let roll = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        let at = at + Duration::from_millis(number * 50) + Duration::from_micros(roll % 200_000);
        let flow = FlowId(1 + (number - 1) / EXCHANGES);
        let exchange = ExchangeId(number);
        let pick = |some: usize, shift: u32| (roll >> shift) as usize % some;
        let mut events = Vec::with_capacity(12);
        if (number - 1).is_multiple_of(EXCHANGES) {
            let key = FlowKey {
                transport: Transport::Tcp,
                client: ([10, 0, 0, 2], 40_000 + (flow.0 % 20_000) as u16).into(),
                server: ([192, 0, 2, 1], 443).into(),
            };
            let process = self.processes[flow.0 as usize % self.processes.len()].clone();
            let opened = Opened { key, process: Some(process), via: "bench".into() };
            let host = HOSTS[flow.0 as usize % HOSTS.len()];
            let leg = |peer| Event::Secured(Box::new(leg(peer, host)));
            let told = [
                Event::Opened(opened),
                Event::Recognized(Protocol::Tls),
                Event::Named { host: host.into() },
                Event::Connected { server: 0, addr: key.server },
                leg(Peer::Server(0)),
                leg(Peer::Client),
                Event::Recognized(Protocol::Http1),
            ];
            events.extend(told.map(|event| (0, event)));
        }
        let target = format!("{}{:x}", PATHS[pick(PATHS.len(), 3)], roll & 0xffff_ffff);
        let url = format!("https://{}{target}", HOSTS[pick(HOSTS.len(), 7)]);
        let method = METHODS[pick(METHODS.len(), 11)];
        let head = RequestHead {
            method: method.into(),
            target: target.into(),
            version: Version::Http11,
            fields: if method == "POST" { typed(TYPES[0]) } else { Fields::default() },
        };
        events.push((0, Event::Request { exchange, url, head }));
        let took = roll % 3000;
        let failed = pick(50, 13) == 0;
        if !failed {
            let head = ResponseHead {
                version: Version::Http11,
                status: STATUSES[pick(STATUSES.len(), 17)],
                reason: Bytes::new(),
                fields: typed(TYPES[pick(TYPES.len(), 29)]),
            };
            events.push((took / 2, Event::Response { exchange, head }));
            let data = Bytes::from_static(&[b'x'; 64]).slice(..pick(65, 23));
            events.push((took, Event::Body { exchange, part: Part::Response, data }));
        }
        let failure = failed.then_some(Failure::Unanswered);
        events.push((took, Event::ExchangeEnded { exchange, failure }));
        let entry = |(after, event)| Entry { at: at + Duration::from_millis(after), flow, event };
        events.into_iter().map(entry).collect()
    }
}
