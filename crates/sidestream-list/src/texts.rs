//! Texts, many of them, without an allocation for each.

use std::collections::HashMap;
use std::sync::Arc;

/// How large a chunk is, in bytes. A text that is longer has one to itself.
const CHUNK_BYTES: usize = 1024 * 1024;

/// How many words are compared before they are looked up.
const FIRST: usize = 8;

/// Texts one behind the other. They stay where they are, so it grows without being copied.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    chunks: Vec<String>,
    /// How many bytes nobody names any more.
    unused: usize,
}

/// Where a text is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text {
    chunk: u32,
    at: u32,
    len: u32,
}

impl Texts {
    /// Adds a text. One of 4 GiB or more, which the storage cannot have, is as good as empty.
    pub(crate) fn add(&mut self, text: &str) -> Text {
        let Ok(len) = u32::try_from(text.len()) else { return Text::default() };
        if len == 0 {
            return Text::default();
        }
        let has_room = |chunk: &String| chunk.capacity() - chunk.len() >= text.len();
        if !self.chunks.last().is_some_and(has_room) {
            self.chunks.push(String::with_capacity(text.len().max(CHUNK_BYTES)));
        }
        let index = self.chunks.len() - 1;
        let chunk = &mut self.chunks[index];
        // Chunks are of 1 MiB, or of one text.
        let place = Text { chunk: index as u32, at: chunk.len() as u32, len };
        chunk.push_str(text);
        place
    }

    /// Takes others over, and returns by how many chunks they are moved.
    pub(crate) fn absorb(&mut self, mut others: Self) -> u32 {
        let moved = self.chunks.len() as u32;
        self.chunks.append(&mut others.chunks);
        self.unused += others.unused;
        moved
    }

    pub(crate) fn get(&self, text: Text) -> &str {
        let begin = text.at as usize;
        let chunk = self.chunks.get(text.chunk as usize);
        chunk.and_then(|chunk| chunk.get(begin..begin + text.len as usize)).unwrap_or_default()
    }

    /// Notes that nobody names a text any more.
    pub(crate) const fn give_up(&mut self, text: Text) {
        self.unused += text.len as usize;
    }

    /// Returns whether so much is unused that it is worth to be copied.
    pub(crate) fn is_wasteful(&self) -> bool {
        self.unused > CHUNK_BYTES && self.unused > self.chunks.len() * CHUNK_BYTES / 4
    }
}

impl Text {
    /// Stands for no text. Nothing stands so far in a chunk.
    pub(crate) const NONE: Self = Self { chunk: 0, at: u32::MAX, len: 0 };

    pub(crate) const fn is_some(self) -> bool {
        self.at != u32::MAX
    }

    /// Returns where it is once its chunks are moved.
    pub(crate) const fn moved(self, chunks: u32) -> Self {
        Self { chunk: self.chunk + chunks, ..self }
    }
}

/// Texts of which there are few, each kept once.
#[derive(Debug, Default)]
pub(crate) struct Words {
    words: Vec<Arc<str>>,
    index: HashMap<Arc<str>, Word>,
}

/// A text among [`Words`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(u32);

impl Word {
    /// Stands for no text.
    pub(crate) const NONE: Self = Self(u32::MAX);

    /// Returns which it is among those that came.
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }

    pub(crate) fn is_some(self) -> bool {
        self != Self::NONE
    }

    /// Returns which it is among other words, of which they are the places.
    pub(crate) fn moved(self, words: &[Self]) -> Self {
        words.get(self.0 as usize).copied().unwrap_or(Self::NONE)
    }
}

impl Words {
    pub(crate) fn add(&mut self, text: Option<&str>) -> Word {
        self.add_within(text, usize::MAX)
    }

    /// Does the same, unless there are so many already.
    pub(crate) fn add_within(&mut self, text: Option<&str>, most: usize) -> Word {
        let Some(text) = text else { return Word::NONE };
        // Most often it is one of the first.
        if let Some(place) = self.words.iter().take(FIRST).position(|word| **word == *text) {
            return Word(place as u32);
        }
        if let Some(word) = self.index.get(text) {
            return *word;
        }
        let Ok(number) = u32::try_from(self.words.len()) else { return Word::NONE };
        if self.words.len() >= most {
            return Word::NONE;
        }
        let text: Arc<str> = text.into();
        self.words.push(Arc::clone(&text));
        self.index.insert(text, Word(number));
        Word(number)
    }

    pub(crate) fn get(&self, word: Word) -> Option<&str> {
        self.words.get(word.0 as usize).map(|text| &**text)
    }

    /// Takes others over, up to so many in all, and returns which each of them is now.
    pub(crate) fn absorb(&mut self, others: &Self, most: usize) -> Vec<Word> {
        others.words.iter().map(|word| self.add_within(Some(word), most)).collect()
    }

    /// Iterates over them, in the order in which they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(|text| &**text)
    }

    /// Returns for each word how many come before it in their order, by the words' places.
    pub(crate) fn ranks(&self) -> Vec<u32> {
        let mut sorted: Vec<_> = (0_u32..).zip(&self.words).collect();
        sorted.sort_unstable_by_key(|(_, text)| &**text);
        let mut ranks = vec![0; self.words.len()];
        for (rank, (place, _)) in (0..).zip(sorted) {
            ranks[place as usize] = rank;
        }
        ranks
    }

    /// Returns the rank of a word, the largest for none.
    pub(crate) fn rank(ranks: &[u32], word: Word) -> u32 {
        ranks.get(word.0 as usize).copied().unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_whatever_their_length() {
        let mut texts = Texts::default();
        let long = "x".repeat(3 * CHUNK_BYTES);
        let all = ["a", "", &long, "é", &long[..CHUNK_BYTES - 1], "b"];
        let places = all.map(|text| texts.add(text));
        for (text, place) in all.iter().zip(places) {
            assert_eq!(texts.get(place), *text);
        }
        assert!(!texts.is_wasteful());
        texts.give_up(places[2]);
        assert!(texts.is_wasteful());
    }

    #[test]
    fn words_are_kept_once_and_ranked() {
        let mut words = Words::default();
        let [post, get] = [Some("POST"), Some("GET")].map(|word| words.add(word));
        assert_eq!(words.add(Some("POST")), post);
        assert_eq!(words.get(get), Some("GET"));
        assert_eq!(words.get(Word::NONE), None);
        let ranks = words.ranks();
        assert!(Words::rank(&ranks, get) < Words::rank(&ranks, post));
        assert_eq!(Words::rank(&ranks, Word::NONE), u32::MAX);
    }
}
