//! Users and passwords that were found right, so that they are not hashed for each request.

use std::collections::{HashSet, VecDeque};

use sha2::{Digest as _, Sha256};

/// How many are remembered.
const MAX: usize = 1024;

/// Tells a user and a password from all others. Without the key it says nothing about them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Mark([u8; 32]);

impl Mark {
    /// Picks one of so many places, each as likely as any other.
    pub(super) fn place(self, of: usize) -> usize {
        let [a, b, c, d, ..] = self.0;
        u32::from_be_bytes([a, b, c, d]) as usize % of.max(1)
    }
}

/// Makes marks, with a key that is never told and ends with the process.
pub(super) struct Marker([u8; 32]);

impl Marker {
    /// Makes one, if the system has a key for it.
    pub(super) fn new() -> Option<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).ok()?;
        Some(Self(key))
    }

    pub(super) fn mark(&self, user: &[u8], password: &[u8]) -> Mark {
        let hash = Sha256::new().chain_update(self.0).chain_update(user.len().to_be_bytes());
        Mark(hash.chain_update(user).chain_update(password).finalize().into())
    }
}

/// Those that were found right; the oldest makes room.
#[derive(Default)]
pub(super) struct Verified {
    marks: HashSet<Mark>,
    order: VecDeque<Mark>,
}

impl Verified {
    pub(super) fn contains(&self, mark: Mark) -> bool {
        self.marks.contains(&mark)
    }

    pub(super) fn insert(&mut self, mark: Mark) {
        if !self.marks.insert(mark) {
            return;
        }
        self.order.push_back(mark);
        if self.order.len() > MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.marks.remove(&oldest);
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room_and_what_is_alike_joined_is_told_apart() {
        let marker = Marker::new().unwrap();
        assert!(marker.mark(b"ab", b"c") != marker.mark(b"a", b"bc"));
        assert!(marker.mark(b"a", b"b") != Marker::new().unwrap().mark(b"a", b"b"));
        let mut verified = Verified::default();
        let marks: Vec<_> = (0..=MAX).map(|n| marker.mark(&n.to_be_bytes(), b"")).collect();
        marks.iter().for_each(|mark| verified.insert(*mark));
        assert!(!verified.contains(marks[0]) && marks[1..].iter().all(|it| verified.contains(*it)));
        assert_eq!((verified.marks.len(), verified.order.len()), (MAX, MAX));
        verified.clear();
        assert!(!verified.contains(marks[1]));
    }
}
