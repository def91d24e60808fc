//! Chunks: large content, each piece of it once.

use std::collections::HashMap;
use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use blake3::Hash;
use rusqlite::{Connection, OptionalExtension, params};

use crate::pack::Packer;

/// From so much on a second thread is worth its start.
const SHARED_BYTES: usize = 512 * 1024;

/// Writes chunks, and finds those that are there.
#[derive(Debug)]
pub(super) struct Chunks {
    packer: Packer,
    /// For the second thread: to pack costs more than to write what was packed.
    beside: Packer,
}

impl Chunks {
    pub(super) fn new() -> Self {
        Self { packer: Packer::new(), beside: Packer::new() }
    }

    /// Packs something that is no chunk.
    pub(super) fn pack<'a>(&'a mut self, data: &'a [u8]) -> &'a [u8] {
        self.packer.pack(data)
    }

    /// Returns the chunks of these contents, of which those that are new are written.
    pub(super) fn put(
        &mut self,
        to: &Connection,
        contents: &[&[u8]],
    ) -> rusqlite::Result<Vec<i64>> {
        let hashes = self.share(contents, |_, data| blake3::hash(data));
        let mut ids: HashMap<Hash, Option<i64>> = HashMap::with_capacity(contents.len());
        let (mut new, mut new_data) = (Vec::new(), Vec::new());
        for (hash, data) in hashes.iter().zip(contents) {
            if ids.contains_key(hash) {
                continue;
            }
            let found = to
                .prepare_cached("SELECT id FROM chunk WHERE hash = ?1")?
                .query_row([&hash.as_bytes()[..]], |row| row.get(0))
                .optional()?;
            ids.insert(*hash, found);
            if found.is_none() {
                new.push(*hash);
                new_data.push(*data);
            }
        }
        let packed = self.share(&new_data, Packer::pack_apart);
        for ((hash, data), packed) in new.iter().zip(&new_data).zip(packed) {
            to.prepare_cached("INSERT INTO chunk (hash, size, data) VALUES (?1, ?2, ?3)")?
                .execute(params![&hash.as_bytes()[..], data.len() as i64, &packed[..]])?;
            ids.insert(*hash, Some(to.last_insert_rowid()));
        }
        Ok(hashes.iter().filter_map(|hash| *ids.get(hash)?).collect())
    }

    /// Does something with each, by two threads where there is much, and returns what comes of
    /// it in the same order.
    fn share<'a, T: Send>(
        &mut self,
        all: &[&'a [u8]],
        each: impl Fn(&mut Packer, &'a [u8]) -> T + Sync,
    ) -> Vec<T> {
        let next = AtomicUsize::new(0);
        let work = |packer: &mut Packer| {
            let mut done = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(data) = all.get(index) else { return done };
                done.push((index, each(packer, data)));
            }
        };
        let Self { packer, beside } = self;
        let is_much = all.iter().map(|data| data.len()).sum::<usize>() >= SHARED_BYTES;
        let mut done = thread::scope(|scope| {
            // Without a second thread the first does it all.
            let beside = is_much.then(|| {
                let thread = thread::Builder::new().name("session-pack".into());
                thread.spawn_scoped(scope, || work(beside))
            });
            let mut done = work(packer);
            if let Some(Ok(beside)) = beside {
                done.extend(beside.join().unwrap_or_else(|panic| panic::resume_unwind(panic)));
            }
            done
        });
        done.sort_unstable_by_key(|(index, _)| *index);
        done.into_iter().map(|(_, done)| done).collect()
    }
}
