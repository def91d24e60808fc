//! What is counted, so that nothing goes missing unsaid.

use sidestream_packet::Defects;

use crate::Exemption;

/// How often each thing happened since the machine was made.
///
/// Of packets: [`packets`](Self::packets) is the sum of [`passed`](Self::passed),
/// [`diverted`](Self::diverted), [`dropped`](Self::dropped), [`refused`](Self::refused) and those
/// that [wait](Usage::waiting).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Packets that came from WinDivert.
    pub packets: u64,
    /// Packets that were passed as they came.
    pub passed: u64,
    /// Packets that were put into a batch for the proxy.
    pub diverted: u64,
    /// Packets of diverted flows that were dropped because the proxy was slow. TCP sends them
    /// again; of UDP they are lost, as on a busy network.
    pub dropped: u64,
    /// Packets that were answered with a reset, because their proxy has gone.
    pub refused: u64,
    /// Of the diverted packets, those that were thrown away because the proxy was lost.
    pub lost: u64,

    /// Of the passed packets, those that waited for their owner.
    pub passed_late: u64,
    /// Of the passed packets, those that could not be read, by what is wrong with them.
    pub defects: Defects,
    /// Flows that nobody claimed in time.
    pub unclaimed: u64,
    /// Flows that were passed because too much waited.
    pub no_room: u64,
    /// Flows that were passed because there are too many.
    pub flows_full: u64,
    /// Sockets that were forgotten because there are too many, open ones alone.
    pub sockets_full: u64,
    /// Sockets whose process had ended, and its number was another's.
    pub pids_reused: u64,

    /// Packets of the proxy that were given to programs.
    pub replies: u64,
    /// Packets of the proxy that are of no diverted flow, and were dropped.
    pub replies_astray: u64,
    /// Packets of the proxy that could not be read, and were dropped, by what is wrong with them.
    pub replies_malformed: Defects,
    /// Connections that were reset because their proxy has gone.
    pub resets: u64,

    pub(crate) exempt: [u64; Exemption::ALL.len()],
}

impl Counters {
    /// Returns how many packets were left alone for that reason.
    pub const fn exempt(&self, why: Exemption) -> u64 {
        self.exempt[why as usize]
    }
}

/// What a machine holds at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Sockets, with those that were closed not long ago.
    pub sockets: usize,
    /// Peers that sockets named.
    pub links: usize,
    /// Flows, with those that are passed and those that ended not long ago.
    pub flows: usize,
    /// Packets that wait for their owner.
    pub waiting: usize,
    /// Bytes of those.
    pub waiting_bytes: usize,
    /// Packets that are gathered for the proxy.
    pub gathered: usize,
    /// Bytes of those.
    pub gathered_bytes: usize,
    /// Batches on their way to the proxy.
    pub batches: usize,
    /// Deadlines.
    pub timers: usize,
}
