//! `zstd` (RFC 8878), also of several frames.
//!
//! A block is decoded whole, 128 KiB at most, and its size is checked before it is written.

mod bits;
mod fse;
mod huffman;
mod literals;
mod sequences;
mod xxh64;

use sequences::Tables;
use xxh64::Xxh64;

use crate::error::DecodeError;
use crate::stage::{PIECE, Sink};

const CODING: &str = "zstd";

const MAGIC: u32 = 0xfd2f_b528;
/// The lower four bits are free.
const SKIPPABLE: u32 = 0x184d_2a50;

/// The most a block holds (RFC 8878 §3.1.1.2.4).
const MAX_BLOCK: usize = 128 << 10;

/// Takes `zstd` off.
#[derive(Debug)]
pub(crate) struct Zstd {
    most_window: u64,
    /// What waits until there is enough of it.
    waiting: Vec<u8>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Between frames; whether there was one.
    Head(bool),
    Skip(u32),
    Block(Box<Frame>),
    Checksum(Box<Frame>),
}

/// What a frame's blocks share.
#[derive(Debug)]
struct Frame {
    window: usize,
    size: Option<u64>,
    checked: bool,
    made: u64,
    hash: Xxh64,
    history: Vec<u8>,
    /// How much of it was handed out.
    told: usize,
    literals: Vec<u8>,
    huffman: Option<huffman::Table>,
    tables: Tables,
}

impl Zstd {
    pub(crate) const fn new(most_window: u64) -> Self {
        Self { most_window, waiting: Vec::new(), state: State::Head(false) }
    }

    pub(crate) fn push(&mut self, mut input: &[u8], sink: Sink<'_>) -> Result<(), DecodeError> {
        // Only as much is kept as the next step needs.
        loop {
            if let State::Skip(left) = &mut self.state {
                let taken = (*left as usize).min(input.len());
                *left -= taken as u32;
                input = &input[taken..];
                if *left > 0 {
                    return Ok(());
                }
                self.state = State::Head(true);
            }
            let needs = self.needs()?;
            let missing = needs.saturating_sub(self.waiting.len());
            let taken = missing.min(input.len());
            self.waiting.extend_from_slice(&input[..taken]);
            input = &input[taken..];
            if taken < missing {
                return Ok(());
            }
            // What is needed may be known only now.
            if self.needs()? <= self.waiting.len() {
                let step = std::mem::take(&mut self.waiting);
                self.step(&step, sink)?;
            }
        }
    }

    pub(crate) fn finish(&self) -> Result<(), DecodeError> {
        match self.state {
            State::Head(true) | State::Skip(0) if self.waiting.is_empty() => Ok(()),
            State::Head(true) => Err(DecodeError::trailing(CODING)),
            _ => Err(DecodeError::truncated(CODING)),
        }
    }

    /// Returns how many bytes the next step takes, or as many as tell.
    fn needs(&self) -> Result<usize, DecodeError> {
        let waiting = &self.waiting;
        Ok(match &self.state {
            State::Skip(_) => 0,
            State::Checksum(_) => 4,
            State::Head(after) => match waiting.as_slice() {
                [a, b, c, d, rest @ ..] => {
                    let magic = u32::from_le_bytes([*a, *b, *c, *d]);
                    match rest {
                        _ if magic & !0xf == SKIPPABLE => 8,
                        _ if magic != MAGIC && *after => return Err(DecodeError::trailing(CODING)),
                        _ if magic != MAGIC => return Err(DecodeError::broken(CODING)),
                        [] => 5,
                        [descriptor, ..] => 5 + head_size(*descriptor),
                    }
                }
                _ => 4,
            },
            State::Block(_) => match waiting.as_slice() {
                [a, b, c, ..] => 3 + block(*a, *b, *c)?.coded,
                _ => 3,
            },
        })
    }

    fn step(&mut self, step: &[u8], sink: Sink<'_>) -> Result<(), DecodeError> {
        let broken = || DecodeError::broken(CODING);
        match std::mem::replace(&mut self.state, State::Head(true)) {
            State::Head(_) => {
                let number = |at: usize| {
                    step.get(at..at + 4).map_or(0, |it| {
                        it.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
                    })
                };
                self.state = if number(0) == MAGIC {
                    State::Block(Box::new(self.frame(&step[4..])?))
                } else {
                    State::Skip(number(4))
                };
            }
            State::Block(mut frame) => {
                let [a, b, c, content @ ..] = step else { return Err(broken()) };
                let block = block(*a, *b, *c)?;
                frame.block(&block, content).ok_or_else(broken)?;
                let last = block.last;
                frame.hand_out(sink)?;
                self.state = match last {
                    false => State::Block(frame),
                    true if frame.size.is_some_and(|size| size != frame.made) => {
                        return Err(broken());
                    }
                    true if frame.checked => State::Checksum(frame),
                    true => State::Head(true),
                };
            }
            State::Checksum(frame) => {
                if (frame.hash.sum() as u32).to_le_bytes() != *step {
                    return Err(broken());
                }
            }
            state @ State::Skip(_) => self.state = state,
        }
        Ok(())
    }

    /// Reads the head of a frame behind its magic number (RFC 8878 §3.1.1.1).
    fn frame(&self, head: &[u8]) -> Result<Frame, DecodeError> {
        let broken = || DecodeError::broken(CODING);
        let (&descriptor, mut rest) = head.split_first().ok_or_else(broken)?;
        if descriptor & 0x08 != 0 {
            return Err(broken());
        }
        let mut window = None;
        if !is_single(descriptor)
            && let Some((byte, behind)) = rest.split_first()
        {
            let base = 1_u64 << (10 + (byte >> 3));
            window = Some(base + base / 8 * u64::from(byte & 7));
            rest = behind;
        }
        let (dictionary, size) = rest.split_at(dictionary_size(descriptor).min(rest.len()));
        if dictionary.iter().any(|byte| *byte != 0) {
            return Err(broken());
        }
        let number = size.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let size = match size.len() {
            0 => None,
            2 => Some(number + 256),
            _ => Some(number),
        };
        let bytes = window.or(size).ok_or_else(broken)?;
        if bytes > self.most_window {
            let most = self.most_window;
            return Err(DecodeError::Window { coding: CODING.to_owned(), bytes, most });
        }
        Ok(Frame {
            window: bytes as usize,
            size,
            checked: descriptor & 0x04 != 0,
            made: 0,
            hash: Xxh64::new(),
            history: Vec::new(),
            told: 0,
            literals: Vec::new(),
            huffman: None,
            tables: Tables::new(),
        })
    }
}

const fn is_single(descriptor: u8) -> bool {
    descriptor & 0x20 != 0
}

const fn dictionary_size(descriptor: u8) -> usize {
    [0, 1, 2, 4][(descriptor & 3) as usize]
}

/// Returns how many bytes of a head follow its descriptor.
const fn head_size(descriptor: u8) -> usize {
    let size = match descriptor >> 6 {
        0 => is_single(descriptor) as usize,
        flag => 1 << flag,
    };
    !is_single(descriptor) as usize + dictionary_size(descriptor) + size
}

/// The head of a block (RFC 8878 §3.1.1.2).
struct Block {
    last: bool,
    kind: u8,
    size: usize,
    /// How many bytes follow.
    coded: usize,
}

fn block(a: u8, b: u8, c: u8) -> Result<Block, DecodeError> {
    let bits = u32::from_le_bytes([a, b, c, 0]);
    let (kind, size) = ((bits >> 1 & 3) as u8, (bits >> 3) as usize);
    if kind == 3 || size > MAX_BLOCK {
        return Err(DecodeError::broken(CODING));
    }
    Ok(Block { last: bits & 1 == 1, kind, size, coded: if kind == 1 { 1 } else { size } })
}

impl Frame {
    fn block(&mut self, block: &Block, content: &[u8]) -> Option<()> {
        let before = self.history.len();
        match block.kind {
            0 => self.history.extend_from_slice(content),
            1 => self.history.resize(before + block.size, *content.first()?),
            _ => {
                let taken = literals::read(content, &mut self.huffman, &mut self.literals)?;
                let section = content.get(taken..)?;
                let ran = self.tables.run(section, &self.literals, &mut self.history, self.window);
                if ran.is_none() {
                    // Of a broken block nothing is sure.
                    self.history.truncate(before);
                    return None;
                }
            }
        }
        Some(())
    }

    /// Hands out what the last block made, and keeps what later ones may look back at.
    fn hand_out(&mut self, sink: Sink<'_>) -> Result<(), DecodeError> {
        let new = &self.history[self.told..];
        if self.checked {
            self.hash.update(new);
        }
        for piece in new.chunks(PIECE) {
            sink(piece)?;
        }
        self.made += new.len() as u64;
        self.told = self.history.len();
        // Moved rarely, for moving costs as much as the window is long.
        if self.history.len() > 2 * self.window + MAX_BLOCK {
            self.history.drain(..self.history.len() - self.window);
            self.told = self.window;
        }
        Ok(())
    }
}
