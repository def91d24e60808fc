//! DNS messages on disk.

use sidestream_record::{DnsMessage, DnsQuestion, DnsRecord, Edns};

use super::{DecodeError, bounded};

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireDns {
    #[prost(uint32, tag = "1")]
    id: u32,
    #[prost(bool, tag = "2")]
    response: bool,
    #[prost(uint32, tag = "3")]
    opcode: u32,
    #[prost(uint32, tag = "4")]
    rcode: u32,
    #[prost(bool, tag = "5")]
    authoritative: bool,
    #[prost(bool, tag = "6")]
    truncated: bool,
    #[prost(bool, tag = "7")]
    recursion_desired: bool,
    #[prost(bool, tag = "8")]
    recursion_available: bool,
    #[prost(bool, tag = "9")]
    authentic_data: bool,
    #[prost(bool, tag = "10")]
    checking_disabled: bool,
    #[prost(message, repeated, tag = "11")]
    questions: Vec<WireQuestion>,
    #[prost(message, repeated, tag = "12")]
    answers: Vec<WireRecord>,
    #[prost(message, repeated, tag = "13")]
    authorities: Vec<WireRecord>,
    #[prost(message, repeated, tag = "14")]
    additionals: Vec<WireRecord>,
    #[prost(message, optional, tag = "15")]
    edns: Option<WireEdns>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireQuestion {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    kind: String,
    #[prost(string, tag = "3")]
    class: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireRecord {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    kind: String,
    #[prost(string, tag = "3")]
    class: String,
    #[prost(uint32, tag = "4")]
    ttl: u32,
    #[prost(string, tag = "5")]
    data: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireEdns {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(uint32, tag = "2")]
    payload_bytes: u32,
    #[prost(bool, tag = "3")]
    dnssec_ok: bool,
}

impl From<&DnsMessage> for WireDns {
    fn from(message: &DnsMessage) -> Self {
        let records = |records: &[DnsRecord]| records.iter().map(WireRecord::from).collect();
        Self {
            id: u32::from(message.id),
            response: message.response,
            opcode: u32::from(message.opcode),
            rcode: u32::from(message.rcode),
            authoritative: message.authoritative,
            truncated: message.truncated,
            recursion_desired: message.recursion_desired,
            recursion_available: message.recursion_available,
            authentic_data: message.authentic_data,
            checking_disabled: message.checking_disabled,
            questions: message.questions.iter().map(WireQuestion::from).collect(),
            answers: records(&message.answers),
            authorities: records(&message.authorities),
            additionals: records(&message.additionals),
            edns: message.edns.map(WireEdns::from),
        }
    }
}

impl TryFrom<WireDns> for DnsMessage {
    type Error = DecodeError;

    fn try_from(message: WireDns) -> Result<Self, DecodeError> {
        let records = |records: Vec<WireRecord>| records.into_iter().map(DnsRecord::from).collect();
        Ok(Self {
            id: bounded(message.id, "the id of a DNS message")?,
            response: message.response,
            opcode: bounded(message.opcode, "the opcode of a DNS message")?,
            rcode: bounded(message.rcode, "the response code of a DNS message")?,
            authoritative: message.authoritative,
            truncated: message.truncated,
            recursion_desired: message.recursion_desired,
            recursion_available: message.recursion_available,
            authentic_data: message.authentic_data,
            checking_disabled: message.checking_disabled,
            questions: message.questions.into_iter().map(DnsQuestion::from).collect(),
            answers: records(message.answers),
            authorities: records(message.authorities),
            additionals: records(message.additionals),
            edns: message.edns.map(Edns::try_from).transpose()?,
        })
    }
}

impl From<&DnsQuestion> for WireQuestion {
    fn from(question: &DnsQuestion) -> Self {
        let DnsQuestion { name, kind, class } = question.clone();
        Self { name, kind, class }
    }
}

impl From<WireQuestion> for DnsQuestion {
    fn from(WireQuestion { name, kind, class }: WireQuestion) -> Self {
        Self { name, kind, class }
    }
}

impl From<&DnsRecord> for WireRecord {
    fn from(record: &DnsRecord) -> Self {
        let DnsRecord { name, kind, class, ttl, data } = record.clone();
        Self { name, kind, class, ttl, data }
    }
}

impl From<WireRecord> for DnsRecord {
    fn from(WireRecord { name, kind, class, ttl, data }: WireRecord) -> Self {
        Self { name, kind, class, ttl, data }
    }
}

impl From<Edns> for WireEdns {
    fn from(edns: Edns) -> Self {
        Self {
            version: u32::from(edns.version),
            payload_bytes: u32::from(edns.payload_bytes),
            dnssec_ok: edns.dnssec_ok,
        }
    }
}

impl TryFrom<WireEdns> for Edns {
    type Error = DecodeError;

    fn try_from(edns: WireEdns) -> Result<Self, DecodeError> {
        Ok(Self {
            version: bounded(edns.version, "the EDNS version")?,
            payload_bytes: bounded(edns.payload_bytes, "the EDNS payload size")?,
            dnssec_ok: edns.dnssec_ok,
        })
    }
}
