//! Control bits of TCP.

use std::fmt;
use std::ops::BitOr;

/// The control bits of a segment (RFC 9293 §3.1, RFC 9768 §3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TcpFlags(pub u16);

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// Synchronize sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub const RST: Self = Self(0x04);
    /// Push: give the data to the program now.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgment number means something.
    pub const ACK: Self = Self(0x10);
    /// The urgent pointer means something.
    pub const URG: Self = Self(0x20);
    /// The echo of experienced congestion (RFC 3168 §6.1).
    pub const ECE: Self = Self(0x40);
    /// The congestion window was reduced (RFC 3168 §6.1).
    pub const CWR: Self = Self(0x80);
    /// Accurate congestion notification (RFC 9768 §3.1).
    pub const AE: Self = Self(0x100);

    pub(crate) const MASK: u16 = 0x1ff;

    /// Whether all of `flags` are set.
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// Whether any of `flags` is set.
    pub const fn intersects(self, flags: Self) -> bool {
        self.0 & flags.0 != 0
    }

    /// Returns these without `flags`.
    #[must_use]
    pub const fn without(self, flags: Self) -> Self {
        Self(self.0 & !flags.0)
    }

    /// Whether some TCP sends them together: a segment is a SYN, a reset, or carries ACK.
    pub const fn is_possible(self) -> bool {
        const SYN: u16 = TcpFlags::SYN.0;
        const RST: u16 = TcpFlags::RST.0;
        const ACK: u16 = TcpFlags::ACK.0;
        const SYN_ACK: u16 = SYN | ACK;
        const RST_ACK: u16 = RST | ACK;
        const FIN_ACK: u16 = TcpFlags::FIN.0 | ACK;
        let kind = self.0 & (SYN_ACK | RST_ACK | FIN_ACK);
        matches!(kind, SYN | SYN_ACK | RST | RST_ACK | FIN_ACK | ACK)
    }
}

impl BitOr for TcpFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for TcpFlags {
    /// Writes a letter each: `S` SYN, `F` FIN, `R` RST, `P` PSH, `.` ACK, `U` URG, `E` ECE, `W`
    /// CWR, `e` AE.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = [
            (Self::SYN, "S"),
            (Self::FIN, "F"),
            (Self::RST, "R"),
            (Self::PSH, "P"),
            (Self::URG, "U"),
            (Self::CWR, "W"),
            (Self::ECE, "E"),
            (Self::AE, "e"),
            (Self::ACK, "."),
        ];
        letters
            .iter()
            .filter(|(flag, _)| self.contains(*flag))
            .try_for_each(|(_, it)| f.write_str(it))
    }
}
