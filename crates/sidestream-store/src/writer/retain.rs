//! Takes out of a session what is older than is to be kept, while it is recorded.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::Writer;
use crate::block::{self, BlockEntry};
use crate::certificate;
use crate::content::PackedBlock;
use crate::kind;
use crate::retention::{JUMP, Retention};

/// How many blocks a step goes through: a few milliseconds, in which nothing is recorded.
const STEP: usize = 16;

/// Where it has come to.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The last entry that was looked at.
    at: i64,
    /// The blocks before it of which something is left, because it was under way.
    left: BTreeSet<i64>,
    /// The newest chunk, which stayed even if nothing refers to it.
    chunk: Option<i64>,
    is_ready: bool,
}

/// What a step may remove.
#[derive(Clone, Copy, Debug)]
struct Bound {
    /// Up to this entry.
    seq: i64,
    /// The newest block, which stays, as it tells how far the session goes.
    newest: i64,
}

impl Writer {
    /// Takes out a bounded part of what is no longer kept, and returns whether there is more.
    pub(crate) fn retain(&mut self, retention: &Retention, now: i64) -> rusqlite::Result<bool> {
        if !self.progress.is_ready {
            // By these it is known what else refers to a row; they cost a little of recording.
            self.connection.execute_batch(
                "CREATE INDEX IF NOT EXISTS exchange_flow ON exchange (flow);
                 CREATE INDEX IF NOT EXISTS stretch_chunk ON stretch (chunk);
                 CREATE INDEX IF NOT EXISTS content_chunk ON content (chunk);",
            )?;
            self.progress.is_ready = true;
        }
        let Some(mut bound) = self.bound(retention, now)? else { return Ok(false) };
        let blocks = self.blocks(bound)?;
        let has_more = blocks.len() == STEP;
        let Some(last) = blocks.last().map(Block::last) else { return Ok(false) };
        bound.seq = bound.seq.min(last);
        let Self { connection, progress, planner, .. } = self;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Some(chunk) = progress.chunk {
            remove_chunk(&transaction, chunk)?;
        }
        let mut left = BTreeSet::new();
        for block in &blocks {
            if block.take_out(&transaction, bound, &mut planner.chunks, &mut BTreeSet::new())? {
                left.insert(block.first);
            }
        }
        forget_text(&transaction, bound.seq)?;
        let chunk = transaction
            .prepare_cached("SELECT max(id) FROM chunk")?
            .query_row([], |row| row.get(0))?;
        transaction.commit()?;
        progress.chunk = chunk;
        progress.at = bound.seq;
        progress.left.append(&mut left);
        Ok(has_more)
    }

    /// Looks again at what was under way when it was passed, and forgets the processes and the
    /// certificates of which nothing is left.
    pub(crate) fn retain_rest(&mut self) -> rusqlite::Result<()> {
        let Some(newest) = self.newest_block()? else { return Ok(()) };
        let bound = Bound { seq: self.progress.at, newest };
        let left = std::mem::take(&mut self.progress.left);
        let mut shown = BTreeSet::new();
        for first in left {
            let Some(block) = self.block(first)? else { continue };
            let Self { connection, progress, planner, .. } = self;
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let is_left = block.take_out(&transaction, bound, &mut planner.chunks, &mut shown)?;
            transaction.commit()?;
            if is_left {
                progress.left.insert(first);
            }
        }
        if let Some(chunk) = self.progress.chunk {
            let transaction = self.connection.transaction()?;
            remove_chunk(&transaction, chunk)?;
            transaction.commit()?;
        }
        forget_certificates(&self.connection, self.progress.at, &shown)?;
        // Whoever writes flows would name rows that are gone.
        self.processes.clear();
        self.connection.execute(
            // The largest stays, so that no id is given out again: readers remember them.
            "DELETE FROM process WHERE id NOT IN (
                WITH RECURSIVE used (id) AS (
                    SELECT process FROM flow WHERE process IS NOT NULL
                    UNION
                    SELECT id FROM process WHERE id = (SELECT max(id) FROM process)
                    UNION
                    SELECT parent FROM process JOIN used ON process.id = used.id
                    WHERE parent IS NOT NULL
                ) SELECT id FROM used)",
            [],
        )?;
        Ok(())
    }

    /// Returns up to where entries are no longer kept; `None` if all are.
    fn bound(&self, retention: &Retention, now: i64) -> rusqlite::Result<Option<Bound>> {
        let Retention { age, bytes, exchanges } = retention;
        let connection = &self.connection;
        let Some(newest) = self.newest_block()? else { return Ok(None) };
        let mut seq = 0;
        if let Some(age) = age {
            let age = i64::try_from(age.as_nanos()).unwrap_or(i64::MAX);
            seq = seq.max(self.old(now.saturating_sub(age), now)?);
        }
        if let Some(most) = exchanges {
            let most = i64::try_from(*most).unwrap_or(i64::MAX);
            let oldest: Option<i64> = connection
                .prepare_cached(
                    "SELECT min(first_seq)
                     FROM (SELECT first_seq FROM exchange ORDER BY id DESC LIMIT ?1)
                     WHERE EXISTS (SELECT 1 FROM exchange ORDER BY id DESC LIMIT 1 OFFSET ?1)",
                )?
                .query_row([most], |row| row.get(0))?;
            seq = seq.max(oldest.unwrap_or_default().saturating_sub(1));
        }
        if let Some(most) = bytes {
            let number =
                |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
            let used = number("page_count")?.saturating_sub(number("freelist_count")?);
            let used = used.saturating_mul(number("page_size")?);
            if used.cast_unsigned() > *most {
                // As much as a step takes; the next one sees what came of it.
                seq = i64::MAX;
            }
        }
        Ok((seq > self.progress.at).then_some(Bound { seq, newest }))
    }

    /// Returns the last entry of the next blocks that began before a time, some of them, up to the
    /// first that began after it: one with a time long past may have been written just now, by a
    /// clock that was wrong. What the future says is passed over, as it was wrong too.
    fn old(&self, bound: i64, now: i64) -> rusqlite::Result<i64> {
        let future = now.saturating_add(i64::try_from(JUMP.as_nanos()).unwrap_or(i64::MAX));
        let mut statement = self.connection.prepare_cached(
            "SELECT at, first + count - 1 FROM block WHERE first > ?1 ORDER BY first",
        )?;
        let mut rows = statement.query([self.progress.at])?;
        let (mut old, mut found) = (0, 0);
        while let Some(row) = rows.next()?.filter(|_| found < STEP) {
            let at: i64 = row.get(0)?;
            if at < bound {
                old = row.get(1)?;
                found += 1;
            } else if at <= future {
                break;
            }
        }
        Ok(old)
    }

    fn newest_block(&self) -> rusqlite::Result<Option<i64>> {
        self.connection
            .prepare_cached("SELECT first FROM block ORDER BY first DESC LIMIT 1")?
            .query_row([], |row| row.get(0))
            .optional()
    }

    /// Returns the next blocks that have something in them up to the bound.
    fn blocks(&self, bound: Bound) -> rusqlite::Result<Vec<Block>> {
        let mut blocks = Vec::new();
        let mut statement = self.connection.prepare_cached(
            "SELECT first, count, at, payload, size FROM block
             WHERE first + count > ?1 AND first <= ?2
             AND first >= coalesce((SELECT max(first) FROM block WHERE first <= ?1), 0)
             ORDER BY first LIMIT ?3",
        )?;
        let from = self.progress.at.saturating_add(1);
        let mut rows = statement.query(params![from, bound.seq, STEP as i64])?;
        while let Some(row) = rows.next()? {
            blocks.push(Block::read(row)?);
        }
        Ok(blocks)
    }

    fn block(&self, first: i64) -> rusqlite::Result<Option<Block>> {
        self.connection
            .prepare_cached("SELECT first, count, at, payload, size FROM block WHERE first = ?1")?
            .query_row([first], Block::read)
            .optional()
    }
}

/// A block out of which something is taken.
#[derive(Debug)]
struct Block {
    first: i64,
    count: i64,
    at: i64,
    /// None if it is damaged.
    payload: Option<Bytes>,
}

impl Block {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let packed = PackedBlock::read(row)?;
        let PackedBlock { first, count, at, .. } = packed;
        Ok(Self { first, count, at, payload: packed.unpack() })
    }

    const fn last(&self) -> i64 {
        self.first.saturating_add(self.count).saturating_sub(1)
    }

    /// Takes out what is no longer kept, and returns whether something up to the bound is left; the
    /// certificates that are shown in that are added.
    fn take_out(
        &self,
        from: &Transaction<'_>,
        bound: Bound,
        chunks: &mut super::Chunks,
        shown: &mut BTreeSet<Bytes>,
    ) -> rusqlite::Result<bool> {
        let Some(payload) = self.payload.clone() else {
            // It is damaged, and nobody can read it either.
            return Ok(false);
        };
        let entries = block::cut_with_bytes(payload);
        let mut judge = Judge { from, bound, exchanges: HashMap::new(), flows: HashMap::new() };
        let (mut is_left, mut is_empty, mut is_changed) = (false, true, false);
        let mut kept = Vec::new();
        for (seq, (bytes, entry)) in (self.first..).zip(entries) {
            let is_blank = entry.as_ref().is_ok_and(BlockEntry::is_blank);
            let stays = match &entry {
                Ok(entry) if seq <= bound.seq && !is_blank => judge.keeps(seq, entry)?,
                Err(_) if seq <= bound.seq => false,
                _ => !is_blank,
            };
            is_empty &= !stays;
            is_left |= stays && seq <= bound.seq;
            is_changed |= !stays && !is_blank;
            if let Ok(entry) = &entry
                && stays
                && kind::name(entry.kind) == Some("secured")
            {
                let own = |sha256: Bytes| Bytes::copy_from_slice(&sha256);
                shown.extend(certificate::shown(&entry.payload).filter_map(Result::ok).map(own));
            }
            if stays {
                kept.extend_from_slice(&bytes);
            } else {
                kept.extend_from_slice(&block::BLANK);
            }
        }
        if is_empty && self.last() <= bound.seq && self.first < bound.newest {
            from.prepare_cached("DELETE FROM block WHERE first = ?1")?.execute([self.first])?;
        } else if is_changed {
            block::seal((self.first, self.at), &mut kept);
            from.prepare_cached("UPDATE block SET payload = ?2, size = ?3 WHERE first = ?1")?
                .execute(params![self.first, chunks.pack(&kept), kept.len() as i64])?;
        }
        Ok(is_left)
    }
}

/// Judges what stays, and removes the rows of what does not.
#[derive(Debug)]
struct Judge<'a> {
    from: &'a Transaction<'a>,
    bound: Bound,
    exchanges: HashMap<u64, bool>,
    flows: HashMap<u64, bool>,
}

impl Judge<'_> {
    fn keeps(&mut self, seq: i64, entry: &BlockEntry) -> rusqlite::Result<bool> {
        match (kind::name(entry.kind), entry.exchange) {
            (Some("data" | "websocket" | "wire"), _) => {
                self.remove_content(seq)?;
                Ok(false)
            }
            (_, Some(exchange)) => self.keeps_exchange(exchange),
            // What a newer version wrote of a flow goes with it.
            (_, None) => self.keeps_flow(entry.flow),
        }
    }

    fn keeps_exchange(&mut self, id: u64) -> rusqlite::Result<bool> {
        if let Some(kept) = self.exchanges.get(&id) {
            return Ok(*kept);
        }
        let kept = self.exchange(id.cast_signed())?;
        self.exchanges.insert(id, kept);
        Ok(kept)
    }

    /// Removes an exchange that is over and ended before the bound, and returns whether it stays.
    fn exchange(&self, id: i64) -> rusqlite::Result<bool> {
        let found: Option<(bool, i64)> = self
            .from
            .prepare_cached(
                // One that became a WebSocket lasts as long as its flow; what never ended is over
                // when its flow is.
                "SELECT iif(exchange.ended IS NULL OR exchange.status = 101,
                            flow.closed IS NULL, 0),
                        iif(exchange.ended IS NULL,
                            max(exchange.last_seq, coalesce(flow.last_seq, 0)),
                            exchange.last_seq)
                 FROM exchange LEFT JOIN flow ON flow.id = exchange.flow WHERE exchange.id = ?1",
            )?
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((is_under_way, last_seq)) = found else { return Ok(false) };
        if is_under_way || last_seq > self.bound.seq {
            return Ok(true);
        }
        let from = self.from;
        let chunks: BTreeSet<i64> = from
            .prepare_cached("SELECT chunk FROM stretch WHERE exchange = ?1 AND chunk IS NOT NULL")?
            .query_map([id], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        from.prepare_cached("DELETE FROM stretch WHERE exchange = ?1")?.execute([id])?;
        from.prepare_cached("DELETE FROM exchange WHERE id = ?1")?.execute([id])?;
        if from.table_exists(None, "body")? {
            from.prepare_cached("DELETE FROM body WHERE exchange = ?1")?.execute([id])?;
        }
        chunks.into_iter().try_for_each(|chunk| remove_chunk(from, chunk))?;
        Ok(false)
    }

    fn remove_content(&self, seq: i64) -> rusqlite::Result<()> {
        let chunk: Option<Option<i64>> = self
            .from
            .prepare_cached("DELETE FROM content WHERE seq = ?1 RETURNING chunk")?
            .query_row([seq], |row| row.get(0))
            .optional()?;
        chunk.flatten().map_or(Ok(()), |chunk| remove_chunk(self.from, chunk))
    }

    fn keeps_flow(&mut self, id: u64) -> rusqlite::Result<bool> {
        if let Some(kept) = self.flows.get(&id) {
            return Ok(*kept);
        }
        let kept = self.flow(id.cast_signed())?;
        self.flows.insert(id, kept);
        Ok(kept)
    }

    /// Removes a flow that ended before the bound and has no exchanges left, and returns whether it
    /// stays.
    fn flow(&self, id: i64) -> rusqlite::Result<bool> {
        let last: Option<Option<i64>> = self
            .from
            .prepare_cached("SELECT last_seq FROM flow WHERE id = ?1")?
            .query_row([id], |row| row.get(0))
            .optional()?;
        let Some(last) = last else { return Ok(false) };
        if last.is_none_or(|last| last > self.bound.seq) {
            return Ok(true);
        }
        // They may be judged later in this block, or have been already.
        let exchanges: Vec<i64> = self
            .from
            .prepare_cached("SELECT id FROM exchange WHERE flow = ?1")?
            .query_map([id], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        for exchange in exchanges {
            if self.exchange(exchange)? {
                return Ok(true);
            }
        }
        self.from.prepare_cached("DELETE FROM flow WHERE id = ?1")?.execute([id])?;
        Ok(false)
    }
}

/// Removes a chunk to which nothing refers any more.
///
/// The newest stays, so that no id is given out again: readers remember them.
fn remove_chunk(from: &Transaction<'_>, id: i64) -> rusqlite::Result<()> {
    from.prepare_cached(
        "DELETE FROM chunk WHERE id = ?1 AND id < (SELECT max(id) FROM chunk)
         AND NOT EXISTS (SELECT 1 FROM stretch WHERE chunk = ?1)
         AND NOT EXISTS (SELECT 1 FROM content WHERE chunk = ?1)",
    )?
    .execute([id])?;
    Ok(())
}

/// Removes the certificates that were shown up to that entry alone, and not in what is left.
fn forget_certificates(from: &Connection, at: i64, left: &BTreeSet<Bytes>) -> rusqlite::Result<()> {
    let mut gone: Vec<Vec<u8>> = from
        .prepare_cached("SELECT sha256 FROM certificate WHERE last_seq <= ?1")?
        .query_map([at], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    gone.retain(|sha256| !left.contains(&sha256[..]));
    if gone.is_empty() {
        return Ok(());
    }
    let transaction = from.unchecked_transaction()?;
    for sha256 in gone {
        transaction
            .prepare_cached("DELETE FROM certificate WHERE sha256 = ?1")?
            .execute([sha256])?;
    }
    transaction.commit()
}

/// Forgets where text stands in what is gone; the last group tells from where on to continue.
fn forget_text(from: &Transaction<'_>, at: i64) -> rusqlite::Result<()> {
    let first: Option<i64> = from
        .prepare_cached(
            "SELECT min(id) FROM text_group
             WHERE last > ?1 OR id = (SELECT max(id) FROM text_group)",
        )?
        .query_row([at], |row| row.get(0))?;
    let Some(first) = first else { return Ok(()) };
    from.prepare_cached("DELETE FROM text_group WHERE id < ?1")?.execute([first])?;
    let page = first.saturating_mul(sidestream_search::PAGES as i64);
    from.prepare_cached("DELETE FROM text_page WHERE id < ?1")?.execute([page])?;
    Ok(())
}
