//! What a stack asks for, and how it is answered.

use std::net::IpAddr;
use std::time::Instant;

use sidestream_flow::FlowKey;
use sidestream_packet::{Offload, Unreachable};

use crate::{AssociationId, EchoId, StreamId};

/// What is to be done next; see [`Netstack::poll_output`](crate::Netstack::poll_output).
#[derive(Debug, PartialEq, Eq)]
pub enum Output<'a> {
    /// Somebody sends the first datagram of an association: its datagrams follow.
    Association {
        /// How to speak of it.
        id: AssociationId,
        /// Between whom it is.
        key: FlowKey,
    },
    /// The stream has ended on both sides, and its name with it.
    Closed(StreamId),
    /// A datagram has come from the client of an association.
    Datagram {
        /// Of which association.
        id: AssociationId,
        /// What it carries.
        payload: &'a [u8],
    },
    /// Somebody pings a host: ask it, and say what it answers.
    Echo {
        /// How to answer.
        id: EchoId,
        /// Who pings.
        client: IpAddr,
        /// Who is pinged.
        server: IpAddr,
        /// What the host is to send back.
        payload: &'a [u8],
    },
    /// The association was silent for too long, or had to make room; its name ends.
    Expired(AssociationId),
    /// The client will send no more, and all that it sent was read.
    HalfClosed(StreamId),
    /// Hand this to the device.
    Packet {
        /// The whole packet.
        bytes: &'a [u8],
        /// What the device has to do about it.
        offload: Offload,
    },
    /// There is something to [`read`](crate::Netstack::read); said again only once `read` found
    /// nothing more.
    Readable(StreamId),
    /// The client reset the connection, gave it up, or is gone; the name ends. What it sent before
    /// was read.
    Reset(StreamId),
    /// Somebody wants to connect, and waits for [`accept`](crate::Netstack::accept) or
    /// [`refuse`](crate::Netstack::refuse).
    Syn {
        /// How to speak of it.
        id: StreamId,
        /// Between whom it is.
        key: FlowKey,
    },
    /// The client answered that nobody takes the datagrams of the association.
    Unreachable(AssociationId),
    /// There is nothing to do until then, or until something else happens.
    Wait(Option<Instant>),
    /// The handshake is complete, or there is room again after [`write`](crate::Netstack::write)
    /// took less than it was given.
    Writable(StreamId),
}

/// How a connection is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// With a reset, as a host does on which nobody listens.
    Reset,
    /// With an ICMP message, as a router does that knows no way.
    Unreachable(Unreachable),
}

/// What waits to be said, without the bytes that go with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Association(AssociationId, FlowKey),
    Closed(StreamId),
    Datagram(AssociationId, Vec<u8>),
    Echo { id: EchoId, client: IpAddr, server: IpAddr, payload: Vec<u8> },
    Expired(AssociationId),
    HalfClosed(StreamId),
    Readable(StreamId),
    Reset(StreamId),
    Syn(StreamId, FlowKey),
    Unreachable(AssociationId),
    Writable(StreamId),
}

impl Event {
    /// Which stream it is about.
    pub(crate) const fn stream(&self) -> Option<StreamId> {
        match self {
            Self::Closed(id)
            | Self::HalfClosed(id)
            | Self::Readable(id)
            | Self::Reset(id)
            | Self::Syn(id, _)
            | Self::Writable(id) => Some(*id),
            Self::Association(..)
            | Self::Datagram(..)
            | Self::Echo { .. }
            | Self::Expired(_)
            | Self::Unreachable(_) => None,
        }
    }

    /// Which association it is about.
    pub(crate) const fn association(&self) -> Option<AssociationId> {
        match self {
            Self::Association(id, _)
            | Self::Datagram(id, _)
            | Self::Expired(id)
            | Self::Unreachable(id) => Some(*id),
            Self::Closed(_)
            | Self::Echo { .. }
            | Self::HalfClosed(_)
            | Self::Readable(_)
            | Self::Reset(_)
            | Self::Syn(..)
            | Self::Writable(_) => None,
        }
    }
}
