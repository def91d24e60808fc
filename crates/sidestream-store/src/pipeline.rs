//! The threads that write a session: one lays out what comes next while another writes what came
//! before.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::error::{StorageError, WriteError};
use crate::queue::{Batch, Queue};
use crate::retention::Keeper;
use crate::row::Row;
use crate::session::Summary;
use crate::writer::{self, Before, Layout, Planner, Writer};

/// How long to wait before trying again to write to a full disk.
const RETRY: Duration = Duration::from_secs(1);

/// How many transactions wait, laid out, for the one that is written: enough that packing goes on
/// while the disk is waited for. One more is being laid out.
const AHEAD: usize = 1;

/// What is to be done by the thread that writes, in this order.
#[derive(Debug)]
pub(crate) enum Task {
    /// To tell how far exchanges have come, now that all is written that was laid out.
    Find(Vec<i64>, SyncSender<Vec<Option<Before>>>),
    /// To write a transaction, which has no layout where one could not be made.
    Write(Batch, Option<Layout>),
}

/// The other threads of a recording, which the one that writes waits for.
#[derive(Debug)]
pub(crate) struct Others {
    pub(crate) text: JoinHandle<()>,
    pub(crate) layouts: JoinHandle<()>,
}

/// What is asked has no answer: it cannot be read, or the recording has ended.
#[derive(Clone, Copy, Debug)]
struct Unanswered;

/// Makes the way from the thread that lays out to the one that writes.
pub(crate) fn channel() -> (SyncSender<Task>, Receiver<Task>) {
    mpsc::sync_channel(AHEAD)
}

/// Lays out what is recorded, until the session is closed or nothing is written any more.
pub(crate) fn lay_out(mut planner: Planner, queue: &Queue, tasks: &SyncSender<Task>) {
    while let Some(batch) = queue.take() {
        // Whoever writes finds out what is in the way, and deals with it.
        let layout = planner.lay_out(&batch.rows, |exchanges| ask(exchanges, tasks)).ok();
        if tasks.send(Task::Write(batch, layout)).is_err() {
            return;
        }
    }
}

fn ask(exchanges: &[i64], tasks: &SyncSender<Task>) -> Result<Vec<Option<Before>>, Unanswered> {
    let (answer, answered) = mpsc::sync_channel(1);
    let asked = tasks.send(Task::Find(exchanges.to_vec(), answer));
    asked.ok().and_then(|()| answered.recv().ok()).ok_or(Unanswered)
}

/// Writes until all is done that was laid out.
pub(crate) fn write(
    mut writer: Writer,
    queue: &Queue,
    mut keeper: Keeper,
    tasks: &Receiver<Task>,
    others: Others,
) -> Result<Summary, WriteError> {
    let mut entries = 0;
    // The room of what was written is free before the disk is waited for.
    told(writer.set_checkpoints_apart(true));
    loop {
        let task = match keeper.within() {
            None => tasks.recv().map_err(|mpsc::RecvError| RecvTimeoutError::Disconnected),
            Some(within) => tasks.recv_timeout(within),
        };
        match task {
            Ok(Task::Find(exchanges, answer)) => {
                if let Ok(found) = writer.find(&exchanges) {
                    drop(answer.send(found));
                }
                continue;
            }
            Ok(Task::Write(mut batch, layout)) => {
                if let Err(source) = write_batch(&mut writer, queue, &mut batch, layout) {
                    let lost_entries = queue.end().lost_entries;
                    return Err(WriteError::Unwritten { lost_entries, source: source.into() });
                }
                entries += batch.rows.len() as u64;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        keeper.keep(&mut writer);
        told(writer.checkpoint());
    }
    told(writer.set_checkpoints_apart(false));
    let Others { text, layouts } = others;
    layouts.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    keeper.finish(&mut writer);
    let counts = queue.end();
    // It reads the session, which else could not be made one file.
    if text.join().is_err() {
        tracing::warn!("a defect: where text stands is not noted for all of the session");
    }
    let finish = |mut writer: Writer| -> rusqlite::Result<bool> {
        writer.write(&[], counts.lost_entries)?;
        // Fails while somebody reads, and does no harm: the log is kept beside the session.
        Ok(writer.finish(writer::now())?.is_ok())
    };
    let one_file = finish(writer).map_err(|source| WriteError::Untidy { source: source.into() })?;
    Ok(Summary {
        entries,
        dropped_bytes: counts.dropped_bytes,
        lost_entries: counts.lost_entries,
        one_file,
    })
}

/// A log that stays longer costs room alone.
fn told(result: rusqlite::Result<()>) {
    if let Err(error) = result {
        tracing::debug!(%error, "the log of the session is not taken into it");
    }
}

/// Writes a transaction, trying again until the session is to be closed.
///
/// Then it is tried a last time without content, since facts are small.
fn write_batch(
    writer: &mut Writer,
    queue: &Queue,
    batch: &mut Batch,
    mut layout: Option<Layout>,
) -> rusqlite::Result<()> {
    let mut stalled = false;
    loop {
        let closing = queue.is_closing();
        let lost = queue.counts().lost_entries;
        let written = match &layout {
            Some(layout) => writer.write_layout(&batch.rows, layout, lost),
            None => writer.write(&batch.rows, lost),
        };
        match written {
            Ok(()) => {
                if stalled {
                    tracing::info!("session is written again");
                }
                queue.written(batch);
                return Ok(());
            }
            Err(error) if closing => {
                let dropped: u64 = batch.rows.iter_mut().map(Row::drop_content).sum();
                queue.dropped(dropped);
                if dropped == 0 {
                    return Err(error);
                }
                layout = None;
            }
            Err(error) => {
                if !stalled {
                    tracing::warn!(%error, "session cannot be written, trying again each second");
                }
                stalled = true;
                queue.stall(StorageError::from(error).to_string());
                queue.pause(RETRY);
            }
        }
    }
}
