//! What is under way to the client, and what has become of each piece of it (RFC 6675 §3).

use std::collections::VecDeque;
use std::time::Instant;

use crate::tcp::sequence::Number;

/// Pieces that were sent, in the order of their numbers, without gaps.
#[derive(Clone, Debug)]
pub(crate) struct Flight {
    /// The first number that is not acknowledged.
    start: Number,
    pieces: VecDeque<Piece>,
    lost: u32,
    arrived: u32,
}

/// What was sent at one moment, and has had one fate since.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    pub(crate) end: Number,
    pub(crate) sent_at: Instant,
    pub(crate) fate: Fate,
    /// Whether it was sent more than once.
    pub(crate) again: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The client has it, though not all that came before it.
    Arrived,
    /// It is taken for lost, and waits to be sent again.
    Lost,
    Flying,
}

/// So many pieces are told apart in a flight; 32 bytes each. Cut into more, by a client that
/// acknowledges byte by byte, news of single pieces is passed over.
const MAX_PIECES: usize = 2048;

impl Flight {
    pub(crate) const fn new(start: Number) -> Self {
        Self { start, pieces: VecDeque::new(), lost: 0, arrived: 0 }
    }

    pub(crate) const fn start(&self) -> Number {
        self.start
    }

    pub(crate) fn end(&self) -> Number {
        self.pieces.back().map_or(self.start, |piece| piece.end)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    pub(crate) fn len(&self) -> u32 {
        self.end() - self.start
    }

    /// Returns how much is taken for lost and was not sent again.
    pub(crate) const fn lost(&self) -> u32 {
        self.lost
    }

    /// Returns how much has arrived out of order.
    pub(crate) const fn arrived(&self) -> u32 {
        self.arrived
    }

    /// Returns how much is on the way as far as anybody knows (the "pipe" of RFC 6675 §4).
    pub(crate) fn flying(&self) -> u32 {
        self.len() - self.lost - self.arrived
    }

    /// Whether it contains a number.
    pub(crate) fn contains(&self, number: Number) -> bool {
        number - self.start < self.len()
    }

    pub(crate) fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.pieces.iter()
    }

    /// Notes that new bytes were sent up to `end`.
    pub(crate) fn push(&mut self, end: Number, now: Instant) {
        let is_full = self.pieces.len() >= MAX_PIECES;
        if let Some(last) = self.pieces.back_mut()
            && last.fate == Fate::Flying
            && (is_full || (last.sent_at == now && !last.again))
        {
            last.end = end;
            return;
        }
        self.pieces.push_back(Piece { end, sent_at: now, fate: Fate::Flying, again: false });
    }

    /// Takes away what is acknowledged, and gives `each` the pieces that were not known to have
    /// arrived.
    pub(crate) fn acknowledge(&mut self, to: Number, mut each: impl FnMut(&Piece)) {
        while let Some(first) = self.pieces.front_mut() {
            if first.end.is_after(to) {
                let (part, fate) = (to - self.start, first.fate);
                if fate == Fate::Flying && part > 0 {
                    each(&Piece { end: to, ..*first });
                }
                self.uncount(fate, part);
                break;
            }
            let first = *first;
            self.uncount(first.fate, first.end - self.start);
            if first.fate != Fate::Arrived {
                each(&first);
            }
            self.start = first.end;
            self.pieces.pop_front();
        }
        self.start = to;
        if self.pieces.is_empty() && self.pieces.capacity() > 64 {
            self.pieces.shrink_to(16);
        }
    }

    /// Notes that a range has arrived, and gives `each` the pieces of which that is news.
    pub(crate) fn arrive(&mut self, (from, to): (Number, Number), mut each: impl FnMut(&Piece)) {
        if self.pieces.len() + 2 > MAX_PIECES {
            return;
        }
        let (first, last) = (self.cut(from), self.cut(to));
        if first == last {
            return;
        }
        for index in first..last {
            let piece = self.pieces[index];
            if piece.fate != Fate::Arrived {
                each(&piece);
                self.set(index, Fate::Arrived);
            }
        }
        // Neighbors that have arrived are one piece.
        let before = first > 0 && self.pieces[first - 1].fate == Fate::Arrived;
        let after = self.pieces.get(last).is_some_and(|piece| piece.fate == Fate::Arrived);
        let keep = if after { last } else { last - 1 };
        self.pieces.drain(first - usize::from(before)..keep);
    }

    /// Takes pieces for lost, as `is_lost` says; returns whether there were any.
    pub(crate) fn lose(&mut self, mut is_lost: impl FnMut(&Piece) -> bool) -> bool {
        let mut any = false;
        for index in 0..self.pieces.len() {
            let piece = &self.pieces[index];
            if piece.fate == Fate::Flying && is_lost(piece) {
                self.set(index, Fate::Lost);
                any = true;
            }
        }
        any
    }

    /// Takes a range for lost, as far as it did not arrive.
    pub(crate) fn lose_range(&mut self, (from, to): (Number, Number)) {
        if self.pieces.len() + 2 > MAX_PIECES {
            return;
        }
        for index in self.cut(from)..self.cut(to) {
            if self.pieces[index].fate == Fate::Flying {
                self.set(index, Fate::Lost);
            }
        }
    }

    /// Takes up to `budget` bytes of what is lost to be sent again now, as ranges.
    pub(crate) fn take_lost(&mut self, mut budget: u32, now: Instant) -> Vec<(Number, Number)> {
        let mut ranges: Vec<(Number, Number)> = Vec::new();
        let (mut index, mut from) = (0, self.start);
        while self.lost > 0 && budget > 0 && index < self.pieces.len() {
            let piece = self.pieces[index];
            if piece.fate == Fate::Lost {
                let mut to = piece.end;
                if to - from > budget && self.pieces.len() < MAX_PIECES {
                    to = from + budget;
                    self.cut(to);
                }
                budget = budget.saturating_sub(to - from);
                self.set(index, Fate::Flying);
                let piece = &mut self.pieces[index];
                (piece.sent_at, piece.again) = (now, true);
                match ranges.last_mut() {
                    Some(last) if last.1 == from => last.1 = to,
                    _ => ranges.push((from, to)),
                }
            }
            from = self.pieces[index].end;
            index += 1;
        }
        ranges
    }

    /// Makes a piece begin at a number inside of the flight, or at its end; returns which.
    fn cut(&mut self, at: Number) -> usize {
        let index = self.pieces.partition_point(|piece| !piece.end.is_after(at));
        let begins = index.checked_sub(1).map_or(self.start, |before| self.pieces[before].end);
        let Some(piece) = self.pieces.get(index).copied().filter(|_| at.is_after(begins)) else {
            return index;
        };
        self.pieces.insert(index, Piece { end: at, ..piece });
        index + 1
    }

    fn set(&mut self, index: usize, fate: Fate) {
        let from = index.checked_sub(1).map_or(self.start, |before| self.pieces[before].end);
        let piece = &mut self.pieces[index];
        let (len, before) = (piece.end - from, std::mem::replace(&mut piece.fate, fate));
        self.uncount(before, len);
        match fate {
            Fate::Arrived => self.arrived += len,
            Fate::Lost => self.lost += len,
            Fate::Flying => {}
        }
    }

    const fn uncount(&mut self, fate: Fate, len: u32) {
        match fate {
            Fate::Arrived => self.arrived -= len,
            Fate::Lost => self.lost -= len,
            Fate::Flying => {}
        }
    }
}
