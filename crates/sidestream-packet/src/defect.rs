//! Why a packet is refused.

use std::fmt;

use thiserror::Error;

/// What is wrong with a packet.
///
/// Each has a short [`name`](Self::name) that never changes, so that [`Defects`] can be kept and
/// compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Defect {
    /// The checksum of the transport is wrong.
    #[error("the checksum of the transport is wrong")]
    BadChecksum,
    /// An extension header of IPv6 stands where it must not, or there are too many (RFC 8200 §4.1).
    #[error("an extension header is out of place, or there are too many")]
    BadExtension,
    /// The checksum of the IPv4 header is wrong (RFC 791 §3.1).
    #[error("the checksum of the header is wrong")]
    BadHeaderChecksum,
    /// A header says of itself that it is shorter than it can be, or longer than the packet.
    #[error("a header has an impossible length")]
    BadHeaderLength,
    /// A length contradicts the headers in front of it.
    #[error("a length contradicts the headers")]
    BadLength,
    /// The [`Offload`](crate::Offload) does not fit the packet.
    #[error("the offload does not fit the packet")]
    BadOffload,
    /// An option of IPv4 or TCP is longer than the room for it, or shorter than itself.
    #[error("an option has an impossible length")]
    BadOptions,
    /// It is neither IPv4 nor IPv6.
    #[error("it is neither version 4 nor 6")]
    BadVersion,
    /// A TCP segment is sent to a multicast or broadcast address (RFC 9293 §3.9.2.3).
    #[error("a TCP segment goes to a multicast or broadcast address")]
    DestinationMulticast,
    /// The destination is the unspecified address.
    #[error("the destination is unspecified")]
    DestinationUnspecified,
    /// A fragment reaches beyond what the longest packet can hold.
    #[error("a fragment reaches beyond the longest packet")]
    FragmentBeyondEnd,
    /// A fragment carries nothing.
    #[error("a fragment is empty")]
    FragmentEmpty,
    /// A fragment that is not the last has a length that is no multiple of eight.
    #[error("a fragment has a length that is no multiple of eight")]
    FragmentMisaligned,
    /// Fragments disagree on where their packet ends.
    #[error("fragments disagree on the end of their packet")]
    FragmentMismatch,
    /// Fragments cover the same bytes: the whole packet is refused (RFC 5722 §4).
    #[error("fragments overlap")]
    FragmentOverlap,
    /// The first fragment hides the header of its transport (RFC 1858 §3, RFC 7112 §5).
    #[error("the first fragment is too short for the header of its transport")]
    FragmentTiny,
    /// A packet comes in more fragments than the limits allow.
    #[error("a packet comes in too many fragments")]
    FragmentsTooMany,
    /// No TCP sends these flags together.
    #[error("no tcp sends these flags together")]
    ImpossibleFlags,
    /// Source and destination are the same, also their ports (a land attack).
    #[error("source and destination are the same")]
    Land,
    /// An IPv4 address inside IPv6, which must not appear on a wire (RFC 4291 §2.5.5.2).
    #[error("an address is mapped from version 4")]
    MappedAddress,
    /// A port is zero where it must not be.
    #[error("a port is zero")]
    PortZero,
    /// The source is the broadcast address.
    #[error("the source is the broadcast address")]
    SourceBroadcast,
    /// The source is a multicast address.
    #[error("the source is a multicast address")]
    SourceMulticast,
    /// The sender wants to choose the way (RFC 5095, RFC 7126 §4.3).
    #[error("the packet is source-routed")]
    SourceRoute,
    /// The source is unspecified.
    #[error("the source is unspecified")]
    SourceUnspecified,
    /// It ends before its headers or its length say.
    #[error("it ends too early")]
    Truncated,
    /// A UDP datagram over IPv6 has no checksum (RFC 8200 §8.1).
    #[error("a datagram over version 6 has no checksum")]
    ZeroChecksum,
}

impl Defect {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 27] = [
        Self::BadChecksum,
        Self::BadExtension,
        Self::BadHeaderChecksum,
        Self::BadHeaderLength,
        Self::BadLength,
        Self::BadOffload,
        Self::BadOptions,
        Self::BadVersion,
        Self::DestinationMulticast,
        Self::DestinationUnspecified,
        Self::FragmentBeyondEnd,
        Self::FragmentEmpty,
        Self::FragmentMisaligned,
        Self::FragmentMismatch,
        Self::FragmentOverlap,
        Self::FragmentTiny,
        Self::FragmentsTooMany,
        Self::ImpossibleFlags,
        Self::Land,
        Self::MappedAddress,
        Self::PortZero,
        Self::SourceBroadcast,
        Self::SourceMulticast,
        Self::SourceRoute,
        Self::SourceUnspecified,
        Self::Truncated,
        Self::ZeroChecksum,
    ];

    /// Returns its stable name, as `bad-checksum`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadChecksum => "bad-checksum",
            Self::BadExtension => "bad-extension",
            Self::BadHeaderChecksum => "bad-header-checksum",
            Self::BadHeaderLength => "bad-header-length",
            Self::BadLength => "bad-length",
            Self::BadOffload => "bad-offload",
            Self::BadOptions => "bad-options",
            Self::BadVersion => "bad-version",
            Self::DestinationMulticast => "destination-multicast",
            Self::DestinationUnspecified => "destination-unspecified",
            Self::FragmentBeyondEnd => "fragment-beyond-end",
            Self::FragmentEmpty => "fragment-empty",
            Self::FragmentMisaligned => "fragment-misaligned",
            Self::FragmentMismatch => "fragment-mismatch",
            Self::FragmentOverlap => "fragment-overlap",
            Self::FragmentTiny => "fragment-tiny",
            Self::FragmentsTooMany => "fragments-too-many",
            Self::ImpossibleFlags => "impossible-flags",
            Self::Land => "land",
            Self::MappedAddress => "mapped-address",
            Self::PortZero => "port-zero",
            Self::SourceBroadcast => "source-broadcast",
            Self::SourceMulticast => "source-multicast",
            Self::SourceRoute => "source-route",
            Self::SourceUnspecified => "source-unspecified",
            Self::Truncated => "truncated",
            Self::ZeroChecksum => "zero-checksum",
        }
    }
}

/// How often each [`Defect`] was met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Defects {
    counts: [u64; Defect::ALL.len()],
}

impl Defects {
    /// Counts one more.
    pub const fn count(&mut self, defect: Defect) {
        self.counts[defect as usize] += 1;
    }

    /// Returns how often that one was met.
    pub const fn of(&self, defect: Defect) -> u64 {
        self.counts[defect as usize]
    }

    /// Returns how many there were of any kind.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Returns those that were met, with how often.
    pub fn iter(&self) -> impl Iterator<Item = (Defect, u64)> + '_ {
        Defect::ALL.into_iter().zip(self.counts).filter(|(_, count)| *count > 0)
    }
}

impl fmt::Display for Defects {
    /// Writes `bad-checksum 3, land 1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (defect, count)) in self.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{} {count}", defect.name())?;
        }
        Ok(())
    }
}
