//! Chunks: large content, each piece of it once.

use std::borrow::Cow;
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

/// Content in the pieces in which it came.
#[derive(Debug, Default)]
pub(super) struct Pieces<'a>(Vec<&'a [u8]>);

impl<'a> Pieces<'a> {
    pub(super) fn push(&mut self, piece: &'a [u8]) {
        self.0.push(piece);
    }

    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|piece| piece.len()).sum()
    }

    /// Returns it in one piece.
    pub(super) fn join(&self) -> Cow<'a, [u8]> {
        match self.0[..] {
            [] => Cow::Borrowed(&[]),
            [piece] => Cow::Borrowed(piece),
            _ => Cow::Owned(self.0.concat()),
        }
    }
}

impl<'a> From<&'a [u8]> for Pieces<'a> {
    fn from(data: &'a [u8]) -> Self {
        Self(vec![data])
    }
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
        contents: &[Pieces<'_>],
    ) -> rusqlite::Result<Vec<i64>> {
        let joined = self.share(contents, Pieces::len, |_, pieces| {
            let data = pieces.join();
            (blake3::hash(&data), data)
        });
        let mut ids: HashMap<Hash, Option<i64>> = HashMap::with_capacity(joined.len());
        let mut new = Vec::new();
        for (hash, data) in &joined {
            if ids.contains_key(hash) {
                continue;
            }
            let found = to
                .prepare_cached("SELECT id FROM chunk WHERE hash = ?1")?
                .query_row([&hash.as_bytes()[..]], |row| row.get(0))
                .optional()?;
            ids.insert(*hash, found);
            if found.is_none() {
                new.push((hash, &data[..]));
            }
        }
        let packed =
            self.share(&new, |(_, data)| data.len(), |packer, (_, data)| packer.pack_apart(data));
        for ((hash, data), packed) in new.iter().zip(packed) {
            to.prepare_cached("INSERT INTO chunk (hash, size, data) VALUES (?1, ?2, ?3)")?
                .execute(params![&hash.as_bytes()[..], data.len() as i64, &packed[..]])?;
            ids.insert(**hash, Some(to.last_insert_rowid()));
        }
        Ok(joined.iter().filter_map(|(hash, _)| *ids.get(hash)?).collect())
    }

    /// Does something with each, by two threads where there is much, and returns what comes of
    /// it in the same order.
    fn share<'a, T: Sync, R: Send>(
        &mut self,
        all: &'a [T],
        len: impl Fn(&T) -> usize,
        each: impl Fn(&mut Packer, &'a T) -> R + Sync,
    ) -> Vec<R> {
        let next = AtomicUsize::new(0);
        let work = |packer: &mut Packer| {
            let mut done = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(one) = all.get(index) else { return done };
                done.push((index, each(packer, one)));
            }
        };
        let Self { packer, beside } = self;
        let is_much = all.iter().map(len).sum::<usize>() >= SHARED_BYTES;
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
