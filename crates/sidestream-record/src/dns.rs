//! DNS messages, decoded for people.

/// A DNS message (RFC 1035 §4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsMessage {
    /// The id that pairs a query with its response.
    pub id: u16,
    /// Whether this is a response.
    pub response: bool,
    /// The kind of query: 0 for a standard one.
    pub opcode: u8,
    /// The response code, with the extended bits of EDNS (RFC 6891 §6.1.3).
    pub rcode: u16,
    /// AA: the answer is the zone's own.
    pub authoritative: bool,
    /// TC: the message was cut to fit a datagram.
    pub truncated: bool,
    /// RD: the resolver is asked to recurse.
    pub recursion_desired: bool,
    /// RA: the server recurses.
    pub recursion_available: bool,
    /// AD: the data were validated (RFC 4035 §3.2.3).
    pub authentic_data: bool,
    /// CD: the client validates for itself (RFC 4035 §3.2.2).
    pub checking_disabled: bool,
    /// The questions, of which there is nearly always one.
    pub questions: Vec<DnsQuestion>,
    /// The answer section.
    pub answers: Vec<DnsRecord>,
    /// The authority section.
    pub authorities: Vec<DnsRecord>,
    /// The additional section, without the OPT pseudo-record.
    pub additionals: Vec<DnsRecord>,
    /// What the OPT pseudo-record said.
    pub edns: Option<Edns>,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsQuestion {
    /// The name in presentation form, without the final dot.
    pub name: String,
    /// The type's mnemonic: `A`, `AAAA`, `TYPE65280`.
    pub kind: String,
    /// The class's mnemonic: `IN`, `CH`.
    pub class: String,
}

/// A resource record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsRecord {
    /// The owner's name in presentation form, without the final dot.
    pub name: String,
    /// The type's mnemonic.
    pub kind: String,
    /// The class's mnemonic.
    pub class: String,
    /// For how many seconds the record may be cached.
    pub ttl: u32,
    /// The data in presentation form (RFC 1035 §5.1, RFC 3597 §5 for unknown types).
    pub data: String,
}

/// The OPT pseudo-record (RFC 6891).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edns {
    /// The EDNS version.
    pub version: u8,
    /// The largest datagram that the sender takes, in bytes.
    pub payload_bytes: u16,
    /// DO: the sender wants DNSSEC records.
    pub dnssec_ok: bool,
}
