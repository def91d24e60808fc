//! The trigrams of a text.

use std::fmt;

use crate::fold::trigrams;
use crate::{BITS, row};

/// From so many bits on a column holds too much to leave others out.
const FULL_BITS: usize = BITS / 4;

/// The trigrams of a text, or of some that are found together: a bit each, some sharing one.
#[derive(Clone, PartialEq, Eq)]
pub struct Column {
    words: Box<[u64; BITS / 64]>,
    /// How many are set.
    set: usize,
}

impl Column {
    /// Adds a text.
    pub fn add(&mut self, text: &[u8]) {
        let Self { words, set } = self;
        trigrams(text, |trigram| {
            let row = row(trigram);
            let word = &mut words[row / 64];
            let bit = 1 << (row % 64);
            *set += usize::from(*word & bit == 0);
            *word |= bit;
        });
    }

    /// Returns whether the next text is better put into another column: beyond a quarter of all
    /// bits, texts are named in vain more and more often.
    pub const fn is_full(&self) -> bool {
        self.set >= FULL_BITS
    }

    /// Iterates over the rows of which the bit is set.
    pub(crate) fn rows(&self) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().flat_map(|(index, word)| {
            let mut word = *word;
            std::iter::from_fn(move || {
                let bit = word.trailing_zeros() as usize;
                (word != 0).then(|| {
                    word &= word - 1;
                    index * 64 + bit
                })
            })
        })
    }
}

impl Default for Column {
    fn default() -> Self {
        Self { words: Box::new([0; BITS / 64]), set: 0 }
    }
}

impl fmt::Debug for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Column").field("set", &self.set).finish_non_exhaustive()
    }
}
