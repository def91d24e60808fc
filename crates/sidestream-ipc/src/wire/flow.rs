//! Flows.

use sidestream_flow::{FlowKey, Transport};

use super::addr::{Addr, ip_from, ip_to};
use super::body::Nothing;
use super::{FieldError, required};
use crate::FlowVerdict;

/// A captured flow.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Flow {
    #[prost(uint64, tag = "1")]
    id: u64,
    /// The IANA protocol number: 6 or 17.
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
    /// 4 or 16 bytes.
    #[prost(bytes = "vec", optional, tag = "9")]
    bound: Option<Vec<u8>>,
    #[prost(uint32, tag = "10")]
    path_mtu_discovery: u32,
    #[prost(uint32, optional, tag = "11")]
    net: Option<u32>,
}

/// A socket that is asked for.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct OpenSocket {
    #[prost(uint64, tag = "1")]
    serial: u64,
    #[prost(uint32, tag = "2")]
    net: u32,
    /// As in a flow.
    #[prost(uint32, tag = "3")]
    transport: u32,
    #[prost(bool, tag = "4")]
    ipv6: bool,
}

/// The answer to it.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Opened {
    #[prost(uint64, tag = "1")]
    pub(crate) serial: u64,
    #[prost(int32, optional, tag = "2")]
    pub(crate) error: Option<i32>,
}

impl From<crate::OpenSocket> for OpenSocket {
    fn from(crate::OpenSocket { serial, net, transport, ipv6 }: crate::OpenSocket) -> Self {
        Self { serial, net, transport: transport_to(transport), ipv6 }
    }
}

impl TryFrom<OpenSocket> for crate::OpenSocket {
    type Error = FieldError;

    fn try_from(
        OpenSocket { serial, net, transport, ipv6 }: OpenSocket,
    ) -> Result<Self, FieldError> {
        let transport = transport_from(transport, "the transport of a socket")?;
        Ok(Self { serial, net, transport, ipv6 })
    }
}

pub(super) fn transport_to(transport: Transport) -> u32 {
    match transport {
        Transport::Tcp => 6,
        Transport::Udp => 17,
    }
}

pub(super) fn transport_from(number: u32, whose: &'static str) -> Result<Transport, FieldError> {
    match number {
        6 => Ok(Transport::Tcp),
        17 => Ok(Transport::Udp),
        _ => Err(FieldError::Invalid(whose)),
    }
}

/// What the spec says of a flow.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Verdict {
    #[prost(message, tag = "6")]
    Intercept(Nothing),
    #[prost(message, tag = "7")]
    Pass(Nothing),
    #[prost(string, tag = "8")]
    Residual(String),
}

impl From<&FlowVerdict> for Verdict {
    fn from(verdict: &FlowVerdict) -> Self {
        match verdict {
            FlowVerdict::Intercept => Self::Intercept(Nothing {}),
            FlowVerdict::Pass => Self::Pass(Nothing {}),
            FlowVerdict::Residual(spec) => Self::Residual(spec.clone()),
        }
    }
}

impl From<Verdict> for FlowVerdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Intercept(Nothing {}) => Self::Intercept,
            Verdict::Pass(Nothing {}) => Self::Pass,
            Verdict::Residual(spec) => Self::Residual(spec),
        }
    }
}

impl From<&crate::Flow> for Flow {
    fn from(flow: &crate::Flow) -> Self {
        Self {
            id: flow.id,
            transport: transport_to(flow.key.transport),
            client: Some(flow.key.client.into()),
            server: Some(flow.key.server.into()),
            process: flow.process,
            verdict: Some((&flow.verdict).into()),
            bound: flow.bound.map(ip_to),
            path_mtu_discovery: flow.path_mtu_discovery.into(),
            net: flow.net,
        }
    }
}

impl TryFrom<Flow> for crate::Flow {
    type Error = FieldError;

    fn try_from(flow: Flow) -> Result<Self, FieldError> {
        let transport = transport_from(flow.transport, "the transport of a flow")?;
        let client = required(flow.client, "the client of a flow")?.try_into()?;
        let server = required(flow.server, "the server of a flow")?.try_into()?;
        Ok(Self {
            id: flow.id,
            key: FlowKey { transport, client, server },
            process: flow.process,
            verdict: required(flow.verdict, "the verdict of a flow")?.into(),
            bound: flow.bound.as_deref().map(ip_from).transpose()?,
            path_mtu_discovery: flow
                .path_mtu_discovery
                .try_into()
                .map_err(|_too_large| FieldError::Invalid("the path MTU discovery of a flow"))?,
            net: flow.net,
        })
    }
}
