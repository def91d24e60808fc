//! Writing answers.

use bytes::Bytes;

use super::kind;
use super::message::{Edns, HEADER_LEN, Header, Question};

/// For how long an answer may be remembered, in seconds: the name leads nowhere once the tunnel
/// has ended.
const TTL: u32 = 60;
/// The class of the Internet.
const INTERNET: u16 = 1;
/// A pointer to the question's name, which stands right behind the header.
const POINTER_TO_QUESTION: [u8; 2] = [0xc0, HEADER_LEN as u8];
/// How long an answer over UDP may be, as is agreed upon among resolvers.
const UDP_LEN: u16 = 1232;

/// How it went (RFC 1035 §4.1.1, RFC 6891 §9).
#[derive(Clone, Copy)]
pub(super) enum Code {
    Done = 0,
    Malformed = 1,
    Failed = 2,
    NoName = 3,
    Refused = 5,
    BadVersion = 16,
}

/// An answer that is being written.
pub(super) struct Reply {
    bytes: Vec<u8>,
    answers: u16,
    code: Code,
}

impl Reply {
    const RESPONSE: u16 = 1 << 15;
    const AUTHORITATIVE: u16 = 1 << 10;
    const RECURSIVE: u16 = 1 << 7;
    const QUESTIONS: usize = 4;
    const ANSWERS: usize = 6;
    const AUTHORITIES: usize = 8;
    const ADDITIONALS: usize = 10;

    /// Begins one that repeats nothing of the question, because it cannot be read.
    pub(super) fn bare(header: Header, code: Code) -> Self {
        let flags = header.flags & Header::REPEATED
            | Self::RESPONSE
            | Self::RECURSIVE
            // What does not fit here stands in the extensions' record.
            | (code as u16 & 0xf);
        let mut bytes = Vec::with_capacity(512);
        bytes.extend_from_slice(&header.id);
        bytes.extend_from_slice(&flags.to_be_bytes());
        bytes.resize(HEADER_LEN, 0);
        Self { bytes, answers: 0, code }
    }

    /// Begins one with the question as it was written: a resolver tells answers apart by the case
    /// of its letters.
    pub(super) fn new(header: Header, question: Question<'_>, code: Code) -> Self {
        let mut this = Self::bare(header, code);
        this.put(Self::QUESTIONS, 1);
        if matches!(code, Code::Done | Code::NoName) {
            this.bytes[2] |= Self::AUTHORITATIVE.to_be_bytes()[0];
        }
        this.bytes.extend_from_slice(question.bytes);
        this
    }

    /// Adds an answer about the name that was asked about.
    pub(super) fn add(&mut self, kind: u16, data: &[u8]) {
        self.answers += 1;
        self.put(Self::ANSWERS, self.answers);
        self.record(&POINTER_TO_QUESTION, kind, data);
    }

    /// Says who would know, of a zone.
    pub(super) fn add_authority(&mut self, zone: &[u8], data: &[u8]) {
        self.put(Self::AUTHORITIES, 1);
        self.record(zone, kind::SOA, data);
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.answers == 0
    }

    /// Ends it, with extensions if they were spoken (RFC 6891 §7).
    pub(super) fn finish_with(mut self, edns: Edns) -> Bytes {
        if edns.is_spoken {
            self.put(Self::ADDITIONALS, 1);
            self.bytes.push(0);
            self.bytes.extend_from_slice(&kind::OPT.to_be_bytes());
            self.bytes.extend_from_slice(&UDP_LEN.to_be_bytes());
            let signatures = if edns.wants_signatures { 0x80 } else { 0 };
            let code = (self.code as u16 >> 4).to_be_bytes()[1];
            self.bytes.extend_from_slice(&[code, 0, signatures, 0, 0, 0]);
        }
        self.finish()
    }

    /// Ends it.
    pub(super) fn finish(self) -> Bytes {
        self.bytes.into()
    }

    fn record(&mut self, name: &[u8], kind: u16, data: &[u8]) {
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(&kind.to_be_bytes());
        self.bytes.extend_from_slice(&INTERNET.to_be_bytes());
        self.bytes.extend_from_slice(&TTL.to_be_bytes());
        let len = u16::try_from(data.len()).unwrap_or_default();
        self.bytes.extend_from_slice(&len.to_be_bytes());
        self.bytes.extend_from_slice(data);
    }

    fn put(&mut self, at: usize, count: u16) {
        self.bytes[at..at + 2].copy_from_slice(&count.to_be_bytes());
    }
}

/// Words who is responsible for a zone (RFC 1035 §3.3.13): the zone itself, which no other server
/// copies.
pub(super) fn authority(zone: &[u8]) -> Vec<u8> {
    let mut data = [zone, zone].concat();
    for number in [1, 3600, 600, 86_400, TTL] {
        data.extend_from_slice(&number.to_be_bytes());
    }
    data
}
