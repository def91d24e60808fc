//! Feeds watchers, each on a thread of its own, so that a slow one holds nobody up.

mod queue;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use sidestream::record::{Book, Entry, Finished, Recorded, Sink};

use queue::Queue;

/// Sees what is finished.
pub trait Watcher: Send + 'static {
    /// How many bytes from the beginning of each body it wants to see.
    fn body_bytes(&self) -> usize;

    /// Sees one finished thing.
    ///
    /// # Errors
    ///
    /// It can see no more; the feed ends.
    fn see(&mut self, finished: &Finished) -> io::Result<()>;

    /// Knows that nothing waits, and hands over what it held back.
    ///
    /// # Errors
    ///
    /// It can see no more; the feed ends.
    fn idle(&mut self) -> io::Result<()>;
}

/// A watcher at work.
pub struct Feed {
    queue: Arc<Queue>,
    thread: JoinHandle<io::Result<()>>,
}

/// How a feed came out.
#[derive(Debug)]
pub struct Outcome {
    /// How many events the watcher missed because it was too slow.
    pub missed: u64,
    /// Why it saw no more from some point on.
    pub error: Option<io::Error>,
}

impl Feed {
    /// Sets a watcher to work.
    ///
    /// # Errors
    ///
    /// The system has no thread to give.
    pub fn start(name: &str, mut watcher: impl Watcher) -> io::Result<Self> {
        let keep = watcher.body_bytes();
        let queue = Arc::new(Queue::new(keep > 0));
        let thread = thread::Builder::new().name(name.to_owned()).spawn({
            let queue = Arc::clone(&queue);
            move || {
                let seen = watch(&queue, &mut watcher, keep);
                queue.leave();
                seen
            }
        })?;
        Ok(Self { queue, thread })
    }

    /// Returns the end that takes entries.
    pub fn sink(&self) -> FeedSink {
        FeedSink(Arc::clone(&self.queue))
    }

    /// Waits until the watcher has seen everything.
    pub fn end(self) -> Outcome {
        self.queue.close();
        let seen =
            self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the watcher panicked")));
        Outcome { missed: self.queue.missed(), error: seen.err() }
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").finish_non_exhaustive()
    }
}

fn watch(queue: &Queue, watcher: &mut impl Watcher, keep: usize) -> io::Result<()> {
    let mut book = Book::keeping(keep);
    while let Some(entries) = queue.take() {
        for entry in entries {
            book.apply(&entry).iter().try_for_each(|finished| watcher.see(finished))?;
        }
        if queue.is_empty() {
            watcher.idle()?;
        }
    }
    watcher.idle()
}

/// Takes entries for a watcher, and never waits for it.
#[derive(Clone)]
pub struct FeedSink(Arc<Queue>);

impl Sink for FeedSink {
    fn record(&self, entry: &Entry) -> Recorded {
        self.0.push(entry)
    }

    fn wants_content(&self) -> bool {
        self.0.wants_content()
    }
}

impl fmt::Debug for FeedSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FeedSink").finish()
    }
}
