//! Hashing that whoever sends packets cannot foresee, out of a seed.

use std::collections::HashMap;
use std::hash::{BuildHasher, DefaultHasher, Hash};

/// A map whose order and collisions depend on the seed.
pub(crate) type SeededMap<K, V> = HashMap<K, V, Seed>;

/// What makes one stack's hashes different from another's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed(pub(crate) u64);

impl BuildHasher for Seed {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        self.0.hash(&mut hasher);
        hasher
    }
}

impl Seed {
    /// Hashes one value.
    pub(crate) fn of(self, value: impl Hash) -> u64 {
        self.hash_one(value)
    }
}
