//! Entries of a session added up to flows and exchanges.

use std::collections::VecDeque;
use std::time::SystemTime;

use sidestream_record::{Book, Closed, Entry, Event, Finished};

use crate::error::ReadError;
use crate::list::Span;
use crate::reader::{Entries, Reader};

/// Iterates over what is finished in a session, with all that was noted of it.
///
/// What never finished, as in the recording of a process that was killed, comes last, if the
/// newest entry is among those that are read. After a damaged entry it goes on with the next; after
/// an error of the storage it ends.
#[derive(Debug)]
pub struct FinishedEntries<'a, E = Entries<'a>> {
    reader: &'a Reader,
    entries: E,
    book: Book,
    ready: VecDeque<Finished>,
    /// When the last entry happened.
    last: SystemTime,
    /// Whether what is open is given out at the end.
    ends: bool,
    /// Whether anything is noted; asked once.
    has_notes: Option<bool>,
    /// Whether what is noted of the next could not be read.
    unnoted: bool,
}

impl Reader {
    /// Iterates over what is finished in a stretch of a session, keeping that many bytes from the
    /// beginning of each body.
    pub fn finished(&self, span: Span, keep_bytes: usize) -> FinishedEntries<'_> {
        self.finishing(self.without_wire(span), span.is_to_the_end(), keep_bytes)
    }

    /// Adds up entries of this session that were chosen otherwise; what is open is given out at
    /// their end if that is the session's.
    pub fn finishing<E>(
        &self,
        entries: E,
        to_the_end: bool,
        keep_bytes: usize,
    ) -> FinishedEntries<'_, E>
    where
        E: Iterator<Item = Result<Entry, ReadError>>,
    {
        FinishedEntries {
            reader: self,
            entries,
            book: Book::keeping(keep_bytes),
            ready: VecDeque::new(),
            last: SystemTime::UNIX_EPOCH,
            ends: to_the_end,
            has_notes: None,
            unnoted: false,
        }
    }
}

impl<E> FinishedEntries<'_, E> {
    fn close_open(&mut self) {
        let mut open: Vec<_> =
            self.book.open_flows().map(|flow| (flow.id, flow.data_bytes)).collect();
        open.sort_unstable();
        for (flow, [received, sent]) in open {
            let event = Event::Closed(Closed { received, sent, failure: None });
            self.ready.extend(self.book.apply(&Entry { at: self.last, flow, event }));
        }
    }

    /// Adds what was noted, also long after it had ended.
    fn note(&mut self, finished: &mut Finished) -> Result<(), ReadError> {
        let has_notes = match self.has_notes {
            Some(has_notes) => has_notes,
            None => *self.has_notes.insert(self.reader.has_notes()?),
        };
        if has_notes { self.reader.note(finished) } else { Ok(()) }
    }
}

impl<E: Iterator<Item = Result<Entry, ReadError>>> Iterator for FinishedEntries<'_, E> {
    type Item = Result<Finished, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(mut finished) = self.ready.pop_front() {
                let noted = if self.unnoted { Ok(()) } else { self.note(&mut finished) };
                self.unnoted = noted.is_err();
                return Some(match noted {
                    Ok(()) => Ok(finished),
                    Err(error) => {
                        // What is noted may be damaged; what it is about is not.
                        self.ready.push_front(finished);
                        Err(error)
                    }
                });
            }
            match self.entries.next() {
                Some(Ok(entry)) => {
                    self.last = entry.at;
                    self.ready.extend(self.book.apply(&entry));
                }
                Some(Err(error)) => return Some(Err(error)),
                None if self.ends => {
                    self.ends = false;
                    self.close_open();
                }
                None => return None,
            }
        }
    }
}
