//! Chunks: large content, each piece of it once.

use std::collections::{HashMap, HashSet};
use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use blake3::Hash;
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};

use crate::pack::Packer;

/// From so much on a second thread is worth its start.
const SHARED_BYTES: usize = 512 * 1024;

/// How many chunks are remembered before it is started anew: some 1 MiB, and 1 GiB of content.
const KNOWN_CHUNKS: usize = 16 * 1024;

/// Content in the pieces in which it came.
#[derive(Debug, Default)]
pub(super) struct Pieces(Vec<Bytes>);

impl Pieces {
    pub(super) fn push(&mut self, piece: Bytes) {
        self.0.push(piece);
    }

    pub(super) fn len(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    /// Returns it in one piece.
    pub(super) fn join(&self) -> Bytes {
        match &self.0[..] {
            [piece] => piece.clone(),
            pieces => pieces.concat().into(),
        }
    }
}

impl From<Bytes> for Pieces {
    fn from(data: Bytes) -> Self {
        Self(vec![data])
    }
}

/// A chunk that is ready to be written, or was when it came before.
#[derive(Debug)]
pub(super) struct Chunk {
    hash: Hash,
    pieces: Pieces,
    /// What is to be written; none of what came before.
    data: Option<Bytes>,
}

/// Packs chunks, on two threads where there is much.
#[derive(Debug)]
pub(super) struct Chunks {
    packer: Packer,
    /// For the second thread: to pack costs more than to write what was packed.
    beside: Packer,
    /// What was packed lately, which is not packed again.
    known: Mutex<HashSet<Hash>>,
}

impl Chunks {
    pub(super) fn new() -> Self {
        let known = Mutex::default();
        Self { packer: Packer::new(), beside: Packer::new(), known }
    }

    /// Packs something that is no chunk.
    pub(super) fn pack<'a>(&'a mut self, data: &'a [u8]) -> &'a [u8] {
        self.packer.pack(data)
    }

    /// Makes chunks of contents, in the same order.
    pub(super) fn make(&mut self, contents: Vec<Pieces>) -> Vec<Chunk> {
        let Self { packer, beside, known } = self;
        let next = AtomicUsize::new(0);
        let work = |packer: &mut Packer| {
            let mut made = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(pieces) = contents.get(index) else { return made };
                made.push((index, make(packer, known, pieces)));
            }
        };
        let is_much = contents.iter().map(Pieces::len).sum::<usize>() >= SHARED_BYTES;
        let mut made = thread::scope(|scope| {
            // Without a second thread the first does it all.
            let beside = is_much.then(|| {
                let thread = thread::Builder::new().name("session-pack-2".into());
                thread.spawn_scoped(scope, || work(beside))
            });
            let mut made = work(packer);
            if let Some(Ok(beside)) = beside {
                made.extend(beside.join().unwrap_or_else(|panic| panic::resume_unwind(panic)));
            }
            made
        });
        made.sort_unstable_by_key(|(index, _)| *index);
        let made = made.into_iter().zip(contents);
        made.map(|((_, (hash, data)), pieces)| Chunk { hash, pieces, data }).collect()
    }

    /// Returns the ids of chunks, of which those that are not there are written.
    pub(super) fn write(
        &mut self,
        to: &Connection,
        chunks: &[Chunk],
    ) -> rusqlite::Result<Vec<i64>> {
        let ready = chunks.iter().filter_map(|chunk| Some((chunk.hash, chunk.data.as_ref()?)));
        let ready: HashMap<_, _> = ready.collect();
        let mut ids: HashMap<Hash, i64> = HashMap::with_capacity(chunks.len());
        let mut all = Vec::with_capacity(chunks.len());
        for Chunk { hash, pieces, .. } in chunks {
            let id = match ids.get(hash) {
                Some(id) => *id,
                None => self.write_one(to, hash, pieces, ready.get(hash).copied())?,
            };
            ids.insert(*hash, id);
            all.push(id);
        }
        Ok(all)
    }

    fn write_one(
        &mut self,
        to: &Connection,
        hash: &Hash,
        pieces: &Pieces,
        ready: Option<&Bytes>,
    ) -> rusqlite::Result<i64> {
        let hash = &hash.as_bytes()[..];
        let found = to
            .prepare_cached("SELECT id FROM chunk WHERE hash = ?1")?
            .query_row([hash], |row| row.get(0))
            .optional()?;
        if let Some(id) = found {
            return Ok(id);
        }
        let mut insert =
            to.prepare_cached("INSERT INTO chunk (hash, size, data) VALUES (?1, ?2, ?3)")?;
        let size = pieces.len() as i64;
        match ready {
            Some(data) => insert.execute(params![hash, size, &data[..]])?,
            // It came before, but was taken out since, or could not be written.
            None => insert.execute(params![hash, size, self.packer.pack(&pieces.join())])?,
        };
        Ok(to.last_insert_rowid())
    }
}

/// Hashes content, and packs it unless it came before.
fn make(
    packer: &mut Packer,
    known: &Mutex<HashSet<Hash>>,
    pieces: &Pieces,
) -> (Hash, Option<Bytes>) {
    let data = pieces.join();
    let hash = blake3::hash(&data);
    let is_new = {
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_CHUNKS {
            known.clear();
        }
        known.insert(hash)
    };
    (hash, is_new.then(|| packer.pack_whole(data)))
}
