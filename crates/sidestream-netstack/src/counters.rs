//! What is counted, so that nothing goes missing unsaid.

use sidestream_packet::Defects;

/// How often each thing happened since the stack was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Packets that came in.
    pub packets_in: u64,
    /// Packets that went out.
    pub packets_out: u64,
    /// Answers and datagrams that were dropped because the device took none for too long.
    pub replies_dropped: u64,
    /// Packets that were refused, by what is wrong with them.
    pub defects: Defects,

    /// Handshakes of clients whose connection was already waiting.
    pub syn_repeated: u64,
    /// Waiting connections that were dropped because too many waited.
    pub syn_dropped: u64,
    /// Handshakes that were ignored because there are too many streams.
    pub streams_full: u64,
    /// TCP segments that belong to no stream, and were answered with a reset.
    pub strays: u64,
    /// TCP segments that do not fit the state of their stream, or reach beyond its window.
    pub out_of_place: u64,
    /// TCP segments that a client sent again.
    pub repeated_in: u64,
    /// TCP segments that were sent again.
    pub repeated_out: u64,
    /// Times a client said that it got something twice.
    pub needless_out: u64,
    /// Times the end of what was sent was sent again because no acknowledgment came.
    pub tail_probes: u64,
    /// Times all that was under way was taken for lost because no acknowledgment came.
    pub silences: u64,
    /// Times the segments of a stream became shorter because a link on the way is narrower.
    pub shortened: u64,
    /// Streams that ended because their client answered nothing for too long.
    pub timeouts: u64,
    /// Times a stream's buffers grew.
    pub grown: u64,
    /// Times a silent stream's buffers were given back.
    pub rested: u64,
    /// Times the TCP state machine of one stream was asked to do something.
    pub steps: u64,

    /// Datagrams of clients that were dropped because too many waited to be taken.
    pub datagrams_dropped: u64,
    /// Datagrams that were too long to be sent.
    pub datagrams_too_long: u64,
    /// UDP associations that ended early because there were too many.
    pub associations_dropped: u64,

    /// Echo requests that were dropped because too many waited.
    pub echoes_dropped: u64,
    /// ICMP messages that are about nothing known, or nothing to act upon.
    pub icmp_ignored: u64,
    /// Packets of a protocol that is not carried.
    pub protocols_unknown: u64,
    /// Packets to an address that is not one host's.
    pub not_unicast: u64,
}

impl Counters {
    /// Lists what was dropped or refused, for people: how often, and what. What a network does
    /// anyway, such as to repeat, is not among it.
    pub fn losses(&self) -> impl Iterator<Item = (u64, &'static str)> + '_ {
        let others = [
            (self.replies_dropped, "answers"),
            (self.syn_dropped, "handshakes-waiting"),
            (self.streams_full, "handshakes-beyond-limit"),
            (self.datagrams_dropped, "datagrams"),
            (self.datagrams_too_long, "datagrams-too-long"),
            (self.associations_dropped, "associations"),
            (self.echoes_dropped, "pings"),
            (self.protocols_unknown, "unknown-protocol"),
            (self.not_unicast, "not-unicast"),
        ];
        let defects = self.defects.iter().map(|(defect, count)| (count, defect.name()));
        defects.chain(others).filter(|(count, _)| *count > 0)
    }
}

/// What a stack holds at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Connections that wait for [`accept`](crate::Netstack::accept) or
    /// [`refuse`](crate::Netstack::refuse).
    pub waiting: usize,
    /// Streams with buffers.
    pub active: usize,
    /// Silent streams, without buffers.
    pub resting: usize,
    /// Ended streams that still answer.
    pub lingering: usize,
    /// Bytes of all buffers of streams.
    pub buffered: usize,
    /// UDP associations.
    pub associations: usize,
    /// Echo requests that wait for their answer.
    pub echoes: usize,
    /// Deadlines.
    pub timers: usize,
}
