//! Notes where text stands while a session is recorded, whenever nothing waits to be written.

use std::path::Path;
use std::time::Duration;

use super::build::Builder;
use crate::Reader;
use crate::error::CopyError;
use crate::queue::Queue;
use crate::session::connect;

/// How often it looks whether there is something to do.
const PERIOD: Duration = Duration::from_secs(1);

/// How long it makes way for what is recorded.
const WAY: Duration = Duration::from_millis(20);

/// How many entries are worth a look.
const WORTH: i64 = 2000;

/// Goes on until the recording is to end, or a group cannot be written.
pub(crate) fn run(path: &Path, queue: &Queue) {
    if let Err(error) = try_run(path, queue) {
        // Searches read what is in no group, and so find it all the same.
        tracing::debug!(%error, "where text stands is noted no further in this recording");
    }
}

fn try_run(path: &Path, queue: &Queue) -> Result<(), CopyError> {
    let mut work = None;
    loop {
        queue.pause(PERIOD);
        if queue.is_closing() {
            return Ok(());
        }
        let (builder, connection) = match &mut work {
            Some(work) => work,
            None => work.insert((Builder::new(Reader::open(path)?)?, connect(path)?)),
        };
        if builder.waiting()? < WORTH {
            continue;
        }
        let mut go_on = || {
            while queue.backlog_bytes() > 0 && !queue.is_closing() {
                queue.pause(WAY);
            }
            !queue.is_closing()
        };
        builder.read(connection, &mut go_on)?;
    }
}
