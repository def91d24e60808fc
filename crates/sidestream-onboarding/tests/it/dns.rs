//! Queries and their answers, the answers read by another decoder.

use std::net::IpAddr;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use sidestream_onboarding::{Answer, Names, failure};

/// The parts of a query, each to be made wrong.
#[derive(Clone)]
pub(crate) struct Query {
    pub(crate) flags: u16,
    pub(crate) questions: u16,
    pub(crate) name: Vec<u8>,
    pub(crate) kind: u16,
    pub(crate) class: u16,
    /// Records, and how many.
    pub(crate) rest: (u16, Vec<u8>),
}

impl Query {
    pub(crate) fn new(name: &str, kind: u16) -> Self {
        let labels = name.split('.').filter(|label| !label.is_empty());
        let labels = labels.flat_map(|label| {
            [u8::try_from(label.len()).unwrap()].into_iter().chain(label.bytes())
        });
        let name = labels.chain([0]).collect();
        Self { flags: 0x0100, questions: 1, name, kind, class: 1, rest: (0, Vec::new()) }
    }

    /// Adds what says that extensions are spoken.
    pub(crate) fn edns(mut self, version: u8, flags: u8) -> Self {
        self.rest.0 += 1;
        self.rest.1.extend([0, 0, 41, 4, 208, 0, version, flags, 0, 0, 0]);
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let counts = [self.questions, 0, 0, self.rest.0];
        let header = [0x1234, self.flags].into_iter().chain(counts).flat_map(u16::to_be_bytes);
        let fields = [self.kind, self.class].into_iter().flat_map(u16::to_be_bytes);
        let name = self.name.iter().copied();
        header.chain(name).chain(fields).chain(self.rest.1.iter().copied()).collect()
    }
}

pub(crate) fn names() -> Names {
    let addresses = ["10.11.0.1", "fd00:11::1"].map(|address| address.parse::<IpAddr>().unwrap());
    Names::new(&addresses)
}

/// Words an answer: how it went, what it says, and on whose authority.
fn word(answer: &Answer) -> String {
    let Answer::Reply(reply) = answer else { return format!("{answer:?}") };
    assert!(reply.len() <= 512);
    let message = Message::from_vec(reply).unwrap();
    let mut words = vec![format!("{:?}", message.metadata.response_code)];
    words.extend(message.answers.iter().map(|record| record.to_string()));
    words.extend(message.authorities.iter().map(|record| format!("by {record}")));
    words.join("; ")
}

#[track_caller]
fn check(query: Query, wanted: &str) {
    assert_eq!(word(&names().answer(&query.bytes())), wanted);
}

const SOA: &str = "by sidestream.internal. 60 IN SOA sidestream.internal. sidestream.internal. 1 3600 600 86400 60";

#[test]
fn the_name_leads_to_the_page() {
    check(Query::new("sidestream.internal", 1), "NoError; sidestream.internal. 60 IN A 10.11.0.1");
    check(
        Query::new("sidestream.internal", 28),
        "NoError; sidestream.internal. 60 IN AAAA fd00:11::1",
    );
    check(
        Query::new("sidestream.internal", 255),
        "NoError; sidestream.internal. 60 IN A 10.11.0.1; sidestream.internal. 60 IN AAAA fd00:11::1",
    );
}

#[test]
fn what_the_name_has_not_is_said_not_to_be_there() {
    // MX, TXT, SRV, SVCB, HTTPS, and a type that nobody knows.
    for kind in [15, 16, 33, 64, 65, 0xff00] {
        check(Query::new("sidestream.internal", kind), &format!("NoError; {SOA}"));
    }
    check(Query::new("www.sidestream.internal", 1), &format!("NXDomain; {SOA}"));
    check(Query::new("a.b.SIDESTREAM.internal", 28), &format!("NXDomain; {SOA}"));
    let only_v4 = Names::new(&["10.11.0.1".parse().unwrap()]);
    let answer = only_v4.answer(&Query::new("sidestream.internal", 28).bytes());
    assert_eq!(word(&answer), format!("NoError; {SOA}"));
}

#[test]
fn whoever_asks_for_the_zone_gets_it() {
    check(Query::new("sidestream.internal", 6), &format!("NoError; {}", &SOA[3..]));
}

#[test]
fn the_addresses_have_the_name() {
    let nibbles = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.1.0.0.0.0.d.f.ip6.arpa";
    for name in ["1.0.11.10.in-addr.arpa", "1.0.11.10.IN-ADDR.ARPA", nibbles] {
        check(Query::new(name, 12), &format!("NoError; {}. 60 IN PTR sidestream.internal.", name));
    }
    check(Query::new("2.0.11.10.in-addr.arpa", 12), "Forward");
    check(Query::new("0.11.10.in-addr.arpa", 12), "Forward");
}

#[test]
fn what_others_know_they_are_asked() {
    for name in ["example.test", "internal", "", "xsidestream.internal", "sidestream.internal.test"]
    {
        check(Query::new(name, 1), "Forward");
    }
    // A label with a dot in it is another name, and so is one that looks like a length.
    let mut dotted = Query::new("a", 1);
    dotted.name = b"\x13sidestream.internal\0".to_vec();
    check(dotted, "Forward");
    let mut status = Query::new("sidestream.internal", 1);
    status.flags = 2 << 11;
    check(status, "Forward");
}

#[test]
fn another_class_is_refused() {
    let mut chaos = Query::new("sidestream.internal", 16);
    chaos.class = 3;
    check(chaos, "Refused");
}

#[test]
fn the_question_comes_back_as_it_was_written() {
    let query = Query::new("SiDeStReAm.InTeRnAl", 1).bytes();
    let Answer::Reply(reply) = names().answer(&query) else { panic!("it is our name") };
    assert_eq!(reply[..2], query[..2]);
    assert_eq!(reply[12..query.len()], query[12..]);
    // A response, with authority, recursion desired as it was asked for, and available.
    assert_eq!(reply[2..4], [0x85, 0x80]);
}

#[test]
fn extensions_are_spoken_with_who_speaks_them() {
    let query = Query::new("sidestream.internal", 1).edns(0, 0x80);
    let Answer::Reply(reply) = names().answer(&query.bytes()) else { panic!("it is our name") };
    let message = Message::from_vec(&reply).unwrap();
    let edns = message.edns.as_ref().unwrap();
    assert_eq!((edns.version(), edns.max_payload(), edns.flags().dnssec_ok), (0, 1232, true));
    assert_eq!(message.answers.len(), 1);

    let Answer::Reply(reply) = names().answer(&Query::new("sidestream.internal", 1).bytes()) else {
        panic!("it is our name")
    };
    assert!(Message::from_vec(&reply).unwrap().edns.is_none());

    let newer = Query::new("sidestream.internal", 1).edns(1, 0);
    let Answer::Reply(reply) = names().answer(&newer.bytes()) else { panic!("it is our name") };
    let message = Message::from_vec(&reply).unwrap();
    // 16 is BADVERS here, and in signatures something else.
    assert_eq!((u16::from(message.metadata.response_code), message.answers.len()), (16, 0));
}

#[test]
fn what_cannot_be_read_is_told_and_what_is_no_query_is_left() {
    let query = Query::new("sidestream.internal", 1);
    for len in 0..12 {
        assert_eq!(names().answer(&query.bytes()[..len]), Answer::Drop);
    }
    for len in 12..query.bytes().len() {
        assert_eq!(word(&names().answer(&query.bytes()[..len])), "FormErr", "{len}");
    }
    let mut response = query.clone();
    response.flags |= 1 << 15;
    check(response, "Drop");
    for questions in [0, 2, u16::MAX] {
        check(Query { questions, ..query.clone() }, "FormErr");
    }
    // Pointers, for there is nothing before to point to, a label of a kind that was given up, and a name without end.
    for name in
        [b"\xc0\x0c".to_vec(), b"\x01a\xc0\0".to_vec(), b"\x41a\0".to_vec(), [1, b'a'].repeat(200)]
    {
        check(Query { name, ..query.clone() }, "FormErr");
    }
    check(query.clone().edns(0, 0).edns(0, 0), "FormErr");
    check(Query { rest: (1, vec![0, 0, 41]), ..query.clone() }, "FormErr");
    check(Query { rest: (u16::MAX, Vec::new()), ..query.clone() }, "FormErr");
    let long = vec![0, 0, 41, 4, 208, 0, 0, 0, 0, 0xff, 0xff];
    check(Query { rest: (1, long), ..query }, "FormErr");
}

#[test]
fn of_very_many_addresses_some_are_told() {
    let many: Vec<IpAddr> = (0..200_u8)
        .flat_map(|last| {
            [IpAddr::from([10, 0, 0, last]), IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, last.into()])]
        })
        .collect();
    let names = Names::new(&many);
    let answer = names.answer(&Query::new("sidestream.internal", 255).edns(0, 0).bytes());
    assert_eq!(word(&answer).matches(" IN ").count(), 16);
}

#[test]
fn a_resolver_that_cannot_be_asked_is_told_of() {
    let query = Query::new("example.test", 1).bytes();
    let reply = failure(&query).unwrap();
    let message = Message::from_vec(&reply).unwrap();
    assert_eq!(message.metadata.response_code, ResponseCode::ServFail);
    assert_eq!(message.queries[0].query_type(), RecordType::A);
    assert_eq!(failure(&reply), None);
    assert_eq!(failure(&query[..11]), None);
    assert!(failure(&query[..13]).is_some());
}
