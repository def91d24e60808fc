//! Numbers in an order, of which one is put in or taken out anywhere at little cost.

use std::cmp::Ordering;

/// How many stand together at first; twice as many are parted.
const CHUNK: usize = 1024;

/// Numbers in an order, in chunks that are none of them empty.
#[derive(Debug, Default)]
pub(crate) struct Sequence {
    chunks: Vec<Vec<u32>>,
    len: usize,
}

impl Sequence {
    /// Takes numbers as they are ordered.
    pub(crate) fn of(ordered: impl ExactSizeIterator<Item = u32>) -> Self {
        let len = ordered.len();
        let mut chunks = Vec::with_capacity(len.div_ceil(CHUNK));
        let mut chunk = Vec::new();
        for (index, number) in ordered.enumerate() {
            if chunk.is_empty() {
                chunk.reserve_exact(CHUNK.min(len - index));
            }
            chunk.push(number);
            if chunk.len() == CHUNK {
                chunks.push(std::mem::take(&mut chunk));
            }
        }
        if !chunk.is_empty() {
            chunks.push(chunk);
        }
        Self { chunks, len }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Iterates from a place on.
    pub(crate) fn from(&self, place: usize) -> impl DoubleEndedIterator<Item = u32> + '_ {
        let (chunk, at) = self.chunk_of(place);
        let rest = self.chunks.get(chunk).and_then(|it| it.get(at..)).unwrap_or_default();
        let others = self.chunks.get(chunk + 1..).unwrap_or_default();
        rest.iter().chain(others.iter().flatten()).copied()
    }

    /// Iterates backwards from before a place.
    pub(crate) fn before(&self, place: usize) -> impl Iterator<Item = u32> + '_ {
        let (chunk, at) = self.chunk_of(place);
        let rest = self.chunks.get(chunk).and_then(|it| it.get(..at)).unwrap_or_default();
        let others = &self.chunks[..chunk];
        rest.iter().rev().chain(others.iter().rev().flat_map(|it| it.iter().rev())).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.chunks.iter().flatten().copied()
    }

    pub(crate) fn get(&self, place: usize) -> Option<u32> {
        let (chunk, at) = self.chunk_of(place);
        self.chunks.get(chunk)?.get(at).copied()
    }

    /// Returns the place of the number that is equal, or where it would stand.
    ///
    /// `compare` tells how a number stands to the one that is looked for.
    pub(crate) fn find(&self, compare: impl Fn(u32) -> Ordering) -> Result<usize, usize> {
        let is_before =
            |chunk: &Vec<u32>| chunk.last().is_some_and(|last| compare(*last) == Ordering::Less);
        let index = self.chunks.partition_point(is_before);
        let before: usize = self.chunks[..index].iter().map(Vec::len).sum();
        match self.chunks.get(index).map(|chunk| chunk.binary_search_by(|it| compare(*it))) {
            Some(Ok(at)) => Ok(before + at),
            Some(Err(at)) => Err(before + at),
            None => Err(before),
        }
    }

    /// Puts a number in at a place, which is at most the length.
    pub(crate) fn insert(&mut self, place: usize, number: u32) {
        let (mut index, mut at) = self.chunk_of(place);
        self.len += 1;
        if index == self.chunks.len() {
            // Behind the last: there it most often comes.
            match self.chunks.last_mut().filter(|last| last.len() < CHUNK) {
                Some(last) => return last.push(number),
                None => return self.chunks.push(vec![number]),
            }
        }
        if self.chunks[index].len() >= 2 * CHUNK {
            let upper = self.chunks[index].split_off(CHUNK);
            self.chunks.insert(index + 1, upper);
            if at > CHUNK {
                (index, at) = (index + 1, at - CHUNK);
            }
        }
        self.chunks[index].insert(at, number);
    }

    /// Takes the number out that is at a place.
    pub(crate) fn remove(&mut self, place: usize) {
        let (index, at) = self.chunk_of(place);
        let Some(chunk) = self.chunks.get_mut(index) else { return };
        chunk.remove(at);
        self.len -= 1;
        if chunk.is_empty() {
            self.chunks.remove(index);
        }
    }

    /// Returns the chunk of a place, and where that is in it.
    fn chunk_of(&self, place: usize) -> (usize, usize) {
        let mut at = place;
        for (index, chunk) in self.chunks.iter().enumerate() {
            if at < chunk.len() {
                return (index, at);
            }
            at -= chunk.len();
        }
        (self.chunks.len(), 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_as_a_plain_vector(
            first in 0..5000_u32,
            steps in vec((any::<bool>(), any::<u16>()), 0..400),
        ) {
            let mut model: Vec<u32> = (0..first).map(|it| it * 10).collect();
            let mut sequence = Sequence::of(model.clone().into_iter());
            for (is_in, number) in steps {
                let number = u32::from(number);
                let place = sequence.find(|it| it.cmp(&number));
                prop_assert_eq!(place, model.binary_search(&number));
                match place {
                    Err(place) if is_in => {
                        model.insert(place, number);
                        sequence.insert(place, number);
                    }
                    Ok(place) | Err(place) if place < model.len() => {
                        model.remove(place);
                        sequence.remove(place);
                    }
                    _ => {}
                }
                let at = place.unwrap_or_else(|place| place).min(model.len());
                prop_assert_eq!(sequence.get(at), model.get(at).copied());
                prop_assert!(sequence.from(at).eq(model[at..].iter().copied()));
                prop_assert!(sequence.before(at).eq(model[..at].iter().rev().copied()));
            }
            prop_assert!(sequence.iter().eq(model.iter().copied()));
            prop_assert_eq!(sequence.len(), model.len());
        }
    }
}
