//! `gzip` (RFC 1952), also of several members.

use flate2::Crc;

use crate::deflate::Inflate;
use crate::error::DecodeError;
use crate::stage::Sink;

const CODING: &str = "gzip";

const HAS_CRC: u8 = 1 << 1;
const HAS_EXTRA: u8 = 1 << 2;
const HAS_NAME: u8 = 1 << 3;
const HAS_COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0xe0;

/// Takes `gzip` off.
#[derive(Debug)]
pub(crate) struct Gzip {
    state: State,
    /// Over the head, and then over the content.
    crc: Crc,
}

#[derive(Debug)]
enum State {
    Head {
        part: Part,
        flags: u8,
        got: Vec<u8>,
    },
    Body(Inflate),
    Trailer(Vec<u8>),
    /// Another member may follow.
    Between,
}

/// The parts of a member's head, in their order (RFC 1952 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Fixed,
    ExtraLength,
    Extra(usize),
    Name,
    Comment,
    Crc,
}

impl Gzip {
    pub(crate) fn new() -> Self {
        Self { state: State::head(), crc: Crc::new() }
    }

    pub(crate) fn push(&mut self, mut input: &[u8], sink: Sink<'_>) -> Result<(), DecodeError> {
        while !input.is_empty() {
            match &mut self.state {
                State::Between if input[0] == 0x1f => {
                    self.crc.reset();
                    self.state = State::head();
                }
                State::Between => return Err(DecodeError::trailing(CODING)),
                State::Head { .. } => {
                    self.head(input[0])?;
                    input = &input[1..];
                }
                State::Body(inflate) => {
                    let crc = &mut self.crc;
                    let mut told = |piece: &[u8]| {
                        crc.update(piece);
                        sink(piece)
                    };
                    if inflate.push(&mut input, CODING, &mut told)? {
                        self.state = State::Trailer(Vec::with_capacity(8));
                    }
                }
                State::Trailer(got) => {
                    got.push(input[0]);
                    input = &input[1..];
                    if let Some((crc, length)) = got.as_slice().split_first_chunk::<4>()
                        && let Ok(length) = <[u8; 4]>::try_from(length)
                    {
                        let right = self.crc.sum() == u32::from_le_bytes(*crc)
                            && self.crc.amount() == u32::from_le_bytes(length);
                        if !right {
                            return Err(DecodeError::broken(CODING));
                        }
                        self.state = State::Between;
                    }
                }
            }
        }
        Ok(())
    }

    pub(crate) fn finish(&self) -> Result<(), DecodeError> {
        match self.state {
            State::Between => Ok(()),
            _ => Err(DecodeError::truncated(CODING)),
        }
    }

    /// Takes a byte of the head.
    fn head(&mut self, byte: u8) -> Result<(), DecodeError> {
        let State::Head { part, flags, got } = &mut self.state else { return Ok(()) };
        if *part != Part::Crc {
            self.crc.update(&[byte]);
        }
        // Names may be of any length, and are not kept.
        if !matches!(part, Part::Name | Part::Comment | Part::Extra(_)) {
            got.push(byte);
        }
        let next = match part {
            Part::Fixed => {
                if !is_right(got.len(), byte) {
                    return Err(DecodeError::broken(CODING));
                }
                if got.len() < 10 {
                    return Ok(());
                }
                *flags = got[3];
                0
            }
            Part::ExtraLength if got.len() < 2 => return Ok(()),
            Part::ExtraLength => {
                let length = usize::from(u16::from_le_bytes([got[0], got[1]]));
                if length > 0 {
                    *part = Part::Extra(length);
                    got.clear();
                    return Ok(());
                }
                1
            }
            Part::Extra(left) => {
                *left -= 1;
                if *left > 0 {
                    return Ok(());
                }
                1
            }
            Part::Name | Part::Comment if byte != 0 => return Ok(()),
            Part::Name => 2,
            Part::Comment => 3,
            Part::Crc if got.len() < 2 => return Ok(()),
            Part::Crc => {
                if self.crc.sum() as u16 != u16::from_le_bytes([got[0], got[1]]) {
                    return Err(DecodeError::broken(CODING));
                }
                4
            }
        };
        got.clear();
        match PARTS.iter().skip(next).find(|(flag, _)| *flags & flag != 0) {
            Some((_, follows)) => *part = *follows,
            None => {
                self.crc.reset();
                self.state = State::Body(Inflate::new(false));
            }
        }
        Ok(())
    }
}

/// The parts that may follow, in their order.
const PARTS: [(u8, Part); 4] = [
    (HAS_EXTRA, Part::ExtraLength),
    (HAS_NAME, Part::Name),
    (HAS_COMMENT, Part::Comment),
    (HAS_CRC, Part::Crc),
];

/// Returns whether the byte at that place, from 1 on, may stand in a head.
const fn is_right(place: usize, byte: u8) -> bool {
    match place {
        1 => byte == 0x1f,
        2 => byte == 0x8b,
        3 => byte == 8,
        4 => byte & RESERVED == 0,
        _ => true,
    }
}

impl State {
    const fn head() -> Self {
        Self::Head { part: Part::Fixed, flags: 0, got: Vec::new() }
    }
}
