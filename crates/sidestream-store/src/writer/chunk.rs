//! Chunks: large content, each piece of it once.

use rusqlite::{OptionalExtension, Transaction, params};

use crate::pack::Packer;

/// Writes chunks, and finds those that are there.
#[derive(Debug)]
pub(super) struct Chunks(Packer);

impl Chunks {
    pub(super) fn new() -> Self {
        Self(Packer::new())
    }

    /// Packs something that is no chunk.
    pub(super) fn pack<'a>(&'a mut self, data: &'a [u8]) -> &'a [u8] {
        self.0.pack(data)
    }

    /// Returns the chunk of this content, which is written if it is new.
    pub(super) fn put(&mut self, to: &Transaction<'_>, data: &[u8]) -> rusqlite::Result<i64> {
        let hash = blake3::hash(data);
        let hash = &hash.as_bytes()[..];
        let found = to
            .prepare_cached("SELECT id FROM chunk WHERE hash = ?1")?
            .query_row([hash], |row| row.get(0))
            .optional()?;
        if let Some(id) = found {
            return Ok(id);
        }
        to.prepare_cached("INSERT INTO chunk (hash, size, data) VALUES (?1, ?2, ?3)")?
            .execute(params![hash, data.len() as i64, self.0.pack(data)])?;
        Ok(to.last_insert_rowid())
    }
}
