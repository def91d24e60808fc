//! Options of TCP (RFC 9293 §3.2, RFC 7323, RFC 2018).

use crate::Defect;
use crate::bytes::{be16, be32};

/// An option of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TcpOption<'a> {
    /// The longest segment its sender takes (RFC 9293 §3.7.1).
    MaximumSegmentSize(u16),
    /// Any other, by its kind.
    Other {
        /// The kind, out of IANA's registry of TCP parameters.
        kind: u8,
        /// What it carries.
        data: &'a [u8],
    },
    /// What arrived out of order, as pairs of sequence numbers in network order (RFC 2018 §3).
    Sack(&'a [u8]),
    /// Selective acknowledgment is understood (RFC 2018 §2).
    SackPermitted,
    /// The sender's clock, and the last it saw of the other side (RFC 7323 §3.2).
    Timestamps {
        /// The sender's clock.
        value: u32,
        /// The other side's clock, echoed.
        echo: u32,
    },
    /// By how many bits the sender's windows are shifted (RFC 7323 §2.2).
    WindowScale(u8),
}

/// An iterator over the options of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpOptions<'a> {
    rest: &'a [u8],
}

impl<'a> TcpOptions<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Takes one option's kind and data off the rest.
    fn split(&mut self) -> Result<Option<(u8, &'a [u8])>, Defect> {
        loop {
            match self.rest {
                [] | [0, ..] => return Ok(None),
                [1, rest @ ..] => self.rest = rest,
                [kind, len, ..] => {
                    let data = self.rest.get(2..usize::from(*len)).ok_or(Defect::BadOptions)?;
                    self.rest = &self.rest[usize::from(*len)..];
                    return Ok(Some((*kind, data)));
                }
                [_] => return Err(Defect::BadOptions),
            }
        }
    }
}

impl<'a> Iterator for TcpOptions<'a> {
    type Item = TcpOption<'a>;

    fn next(&mut self) -> Option<TcpOption<'a>> {
        let (kind, data) = self.split().ok()??;
        Some(match (kind, data.len()) {
            (2, 2) => TcpOption::MaximumSegmentSize(be16(data, 0)),
            (3, 1) => TcpOption::WindowScale(data[0]),
            (4, 0) => TcpOption::SackPermitted,
            (5, _) => TcpOption::Sack(data),
            (8, 8) => TcpOption::Timestamps { value: be32(data, 0), echo: be32(data, 4) },
            _ => TcpOption::Other { kind, data },
        })
    }
}

/// Checks that all of them can be read.
pub(super) fn check(bytes: &[u8]) -> Result<(), Defect> {
    // Nearly every segment has none, or timestamps alone.
    if bytes.is_empty() || (bytes.len() == 12 && bytes.starts_with(&[1, 1, 8, 10])) {
        return Ok(());
    }
    let mut options = TcpOptions::new(bytes);
    while options.split()?.is_some() {}
    Ok(())
}
