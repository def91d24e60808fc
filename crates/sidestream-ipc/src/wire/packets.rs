//! Packets of diverted flows.

use sidestream_packet::{Batch, Checksum, Offload};

use super::addr::Addr;
use super::flow::{Verdict, transport_from, transport_to};
use super::{FieldError, required};
use crate::diverted::Direction;
use crate::{MAX_PACKETS, PacketTag};

/// A flow whose packets follow.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Diverted {
    #[prost(uint64, tag = "1")]
    id: u64,
    /// As in a flow.
    #[prost(uint32, tag = "2")]
    transport: u32,
    #[prost(message, optional, tag = "3")]
    client: Option<Addr>,
    #[prost(message, optional, tag = "4")]
    server: Option<Addr>,
    #[prost(uint64, optional, tag = "5")]
    process: Option<u64>,
    #[prost(oneof = "Verdict", tags = "6, 7, 8")]
    verdict: Option<Verdict>,
    /// 1 inbound, 2 loopback, 3 outbound.
    #[prost(uint32, tag = "9")]
    direction: u32,
}

/// Packets, one behind the other.
///
/// What is said of them stands in columns, which are empty where they would hold zeros alone. The
/// bytes come last, so that they need not be copied to be sent.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Packets {
    /// How many bytes each has.
    #[prost(uint32, repeated, tag = "1")]
    lens: Vec<u32>,
    #[prost(uint64, repeated, tag = "2")]
    flows: Vec<u64>,
    #[prost(uint64, repeated, tag = "3")]
    checksums: Vec<u64>,
    #[prost(uint32, repeated, tag = "4")]
    segments: Vec<u32>,
    #[prost(bytes = "vec", tag = "5")]
    pub(super) bytes: Vec<u8>,
}

/// The number of the field that holds the bytes.
pub(super) const BYTES: u32 = 5;

impl Packets {
    /// Makes all of it but the bytes.
    pub(super) fn head<T>(batch: &Batch<T>, tag: impl Fn(&T) -> PacketTag) -> Self {
        let mut head = Self::default();
        for (packet, what) in batch.iter() {
            let PacketTag { flow, offload } = tag(what);
            // What is longer fits into no frame.
            head.lens.push(u32::try_from(packet.len()).unwrap_or(u32::MAX));
            head.flows.push(flow);
            head.checksums.push(checksum_to(offload.checksum));
            head.segments.push(offload.segment_size.unwrap_or(0).into());
        }
        clear_zeros(&mut head.flows);
        clear_zeros(&mut head.checksums);
        clear_zeros(&mut head.segments);
        head
    }
}

impl From<&Batch<PacketTag>> for Packets {
    fn from(batch: &Batch<PacketTag>) -> Self {
        Self { bytes: batch.bytes().to_vec(), ..Self::head(batch, |tag| *tag) }
    }
}

impl TryFrom<Packets> for Batch<PacketTag> {
    type Error = FieldError;

    fn try_from(packets: Packets) -> Result<Self, FieldError> {
        let Packets { lens, flows, checksums, segments, bytes } = packets;
        let fits = |column: usize| column == 0 || column == lens.len();
        if lens.len() > MAX_PACKETS {
            return Err(FieldError::Invalid("so many packets"));
        }
        if !(fits(flows.len()) && fits(checksums.len()) && fits(segments.len())) {
            return Err(FieldError::Invalid("the number of packets"));
        }
        let mut entries = Vec::with_capacity(lens.len());
        for (at, len) in lens.into_iter().enumerate() {
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            let checksum = checksums.get(at).copied().unwrap_or(0);
            let segment = u16::try_from(segments.get(at).copied().unwrap_or(0))
                .map_err(|_too_large| FieldError::Invalid("the size of a segment"))?;
            let tag = PacketTag {
                flow: flows.get(at).copied().unwrap_or(0),
                offload: Offload {
                    checksum: checksum_from(checksum)?,
                    segment_size: Some(segment).filter(|size| *size > 0),
                },
            };
            entries.push((len, tag));
        }
        if entries.iter().any(|(len, _)| *len == 0) {
            return Err(FieldError::Invalid("a packet without bytes"));
        }
        Self::of(bytes, entries).ok_or(FieldError::Invalid("the lengths of packets"))
    }
}

impl From<&crate::Diverted> for Diverted {
    fn from(flow: &crate::Diverted) -> Self {
        Self {
            id: flow.id,
            transport: transport_to(flow.key.transport),
            client: Some(flow.key.client.into()),
            server: Some(flow.key.server.into()),
            process: flow.process,
            verdict: Some((&flow.verdict).into()),
            direction: match flow.direction {
                Direction::Inbound => 1,
                Direction::Loopback => 2,
                Direction::Outbound => 3,
            },
        }
    }
}

impl TryFrom<Diverted> for crate::Diverted {
    type Error = FieldError;

    fn try_from(flow: Diverted) -> Result<Self, FieldError> {
        let transport = transport_from(flow.transport, "the transport of a flow")?;
        let client = required(flow.client, "the client of a flow")?.try_into()?;
        let server = required(flow.server, "the server of a flow")?.try_into()?;
        Ok(Self {
            id: flow.id,
            key: sidestream_flow::FlowKey { transport, client, server },
            process: flow.process,
            verdict: required(flow.verdict, "the verdict of a flow")?.into(),
            direction: match flow.direction {
                0 => return Err(FieldError::Missing("the direction of a flow")),
                1 => Direction::Inbound,
                2 => Direction::Loopback,
                3 => Direction::Outbound,
                _ => return Err(FieldError::Invalid("the direction of a flow")),
            },
        })
    }
}

/// Two bits say which; where the sum begins and where it is written have 16 each.
fn checksum_to(checksum: Checksum) -> u64 {
    match checksum {
        Checksum::Complete => 0,
        Checksum::Verified => 1,
        Checksum::Partial { start, offset } => 2 | u64::from(start) << 2 | u64::from(offset) << 18,
    }
}

fn checksum_from(number: u64) -> Result<Checksum, FieldError> {
    let [start, offset] = [number >> 2, number >> 18].map(|bits| (bits & 0xffff) as u16);
    match number {
        0 => Ok(Checksum::Complete),
        1 => Ok(Checksum::Verified),
        _ if number & 3 == 2 && number >> 34 == 0 => Ok(Checksum::Partial { start, offset }),
        _ => Err(FieldError::Invalid("the checksum of a packet")),
    }
}

fn clear_zeros<T: Default + PartialEq>(column: &mut Vec<T>) {
    if column.iter().all(|cell| *cell == T::default()) {
        column.clear();
    }
}
