//! Reading queries: no more of them than an answer depends on.

use super::kind;

/// The length of a message's header (RFC 1035 §4.1.1).
pub(super) const HEADER_LEN: usize = 12;
/// The length of the longest name, with its lengths and its end (RFC 1035 §2.3.4).
const MAX_NAME_LEN: usize = 255;
/// The longest label; an octet above it begins a pointer (RFC 1035 §4.1.4).
const MAX_LABEL_LEN: u8 = 63;
/// What begins a pointer.
const POINTER: u8 = 0xc0;
/// The length of a record's fields between its name and its data.
const RECORD_LEN: usize = 10;

/// The first octets of a message.
#[derive(Clone, Copy)]
pub(super) struct Header {
    pub(super) id: [u8; 2],
    pub(super) flags: u16,
    questions: u16,
    records: u32,
}

impl Header {
    const RESPONSE: u16 = 1 << 15;
    const OPCODE: u16 = 0xf << 11;
    /// What is said again in an answer: the opcode, that recursion is desired (RFC 1035 §4.1.1),
    /// and that nothing need be verified (RFC 4035 §3.2.2).
    pub(super) const REPEATED: u16 = Self::OPCODE | 1 << 8 | 1 << 4;

    pub(super) fn parse(message: &[u8]) -> Option<Self> {
        let header = message.first_chunk::<HEADER_LEN>()?;
        let at = |index: usize| u16::from_be_bytes([header[index], header[index + 1]]);
        let records = [6, 8, 10].map(|index| u32::from(at(index))).iter().sum();
        Some(Self { id: [header[0], header[1]], flags: at(2), questions: at(4), records })
    }

    pub(super) const fn is_response(self) -> bool {
        self.flags & Self::RESPONSE != 0
    }

    pub(super) const fn is_standard_query(self) -> bool {
        self.flags & Self::OPCODE == 0
    }
}

/// What is asked.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    /// The name, as it is written.
    pub(super) name: &'a [u8],
    pub(super) kind: u16,
    pub(super) class: u16,
    /// All of it.
    pub(super) bytes: &'a [u8],
}

impl<'a> Question<'a> {
    /// Reads the one question of a query; more than one nobody asks (RFC 9619).
    pub(super) fn parse(message: &'a [u8], header: Header) -> Option<Self> {
        if header.questions != 1 {
            return None;
        }
        let rest = message.get(HEADER_LEN..)?;
        // There is nothing before it that a pointer could lead to.
        let Name { len, is_whole: true } = Name::measure(rest)? else { return None };
        let (name, fields) = rest.split_at(len);
        let &[kind_high, kind_low, class_high, class_low] = fields.first_chunk()?;
        let kind = u16::from_be_bytes([kind_high, kind_low]);
        let class = u16::from_be_bytes([class_high, class_low]);
        Some(Self { name, kind, class, bytes: &rest[..len + 4] })
    }
}

/// What a query says of the extensions that its sender knows (RFC 6891 §6.1).
#[derive(Clone, Copy, Default)]
pub(super) struct Edns {
    pub(super) is_spoken: bool,
    pub(super) version: u8,
    /// Whether answers may hold signatures, which is said again (RFC 3225 §3).
    pub(super) wants_signatures: bool,
}

impl Edns {
    /// Reads what stands after the question; `None` if it cannot be read, or says so twice.
    pub(super) fn parse(message: &[u8], header: Header, question: Question<'_>) -> Option<Self> {
        let mut rest = message.get(HEADER_LEN + question.bytes.len()..)?;
        let mut edns = Self::default();
        for _ in 0..header.records {
            let (name, record) = rest.split_at(Name::measure(rest)?.len);
            let fields = record.first_chunk::<RECORD_LEN>()?;
            let data_len = usize::from(u16::from_be_bytes([fields[8], fields[9]]));
            rest = record.get(RECORD_LEN + data_len..)?;
            if u16::from_be_bytes([fields[0], fields[1]]) != kind::OPT {
                continue;
            }
            if edns.is_spoken || name != [0] {
                return None;
            }
            let wants_signatures = fields[6] & 0x80 != 0;
            edns = Self { is_spoken: true, version: fields[5], wants_signatures };
        }
        Some(edns)
    }

    pub(super) const fn is_too_new(self) -> bool {
        self.version > 0
    }
}

/// A name, as far as it stands in one place.
struct Name {
    len: usize,
    /// It ends here, and not with a pointer to what else belongs to it.
    is_whole: bool,
}

impl Name {
    /// Measures the name at the beginning.
    fn measure(bytes: &[u8]) -> Option<Self> {
        let mut at = 0;
        loop {
            let octet = *bytes.get(at)?;
            let (len, is_whole) = match octet {
                0 => (at + 1, true),
                1..=MAX_LABEL_LEN => {
                    at += 1 + usize::from(octet);
                    continue;
                }
                POINTER.. => (at + 2, false),
                _ => return None,
            };
            let fits = len <= bytes.len() && len <= MAX_NAME_LEN;
            return fits.then_some(Self { len, is_whole });
        }
    }
}

/// Yields the names above a name, the nearest first.
pub(super) fn parents(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::successors(Some(name), |name| {
        let len = usize::from(*name.first()?);
        name.get(1 + len..).filter(|rest| !rest.is_empty())
    })
    .skip(1)
}

/// Writes a name as messages have it.
pub(super) fn name(text: &str) -> Vec<u8> {
    let mut name = Vec::with_capacity(text.len() + 2);
    for label in text.split('.') {
        name.push(u8::try_from(label.len()).unwrap_or(MAX_LABEL_LEN));
        name.extend_from_slice(label.as_bytes());
    }
    name.push(0);
    name
}
