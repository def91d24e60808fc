//! `session merge`, `session trim`, `session compact`: sessions made out of sessions.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;
use sidestream::filter::{Expr, Filter};
use sidestream::flow::{ExchangeId, FlowId};
use sidestream::record::{Finished, wording};
use sidestream::store::{self, Copied, Indexed, Origin, Reader, Span};

use super::each;
use crate::args::Wanted;
use crate::exit::Exit;
use crate::say::{self, say};
use crate::sieve;

/// Joins sessions into a new one.
///
/// # Errors
///
/// One of them cannot be read, or the new one cannot be written; then it is not there.
pub fn merge(files: &[PathBuf], to: &Path) -> anyhow::Result<Exit> {
    let sessions = files.iter().map(Reader::open).collect::<Result<Vec<_>, _>>()?;
    let copied = store::merge(&sessions, to, |_| true)?;
    if copied.damaged == 0 {
        note_text(to);
    }
    say(format_args!("{} events in {}", copied.entries, to.display()));
    if copied.damaged > 0 {
        say(format_args!("{} damaged events could not be copied", copied.damaged));
        return Ok(Exit::Failure);
    }
    Ok(Exit::Success)
}

/// Writes a session anew, so that what is the same in it is kept once.
///
/// # Errors
///
/// It is in use or damaged, or cannot be written; it is then as it was.
pub fn compact(file: &Path) -> anyhow::Result<Exit> {
    rewrite(file, |_| true)
}

/// Notes where text stands in a session, as far as that was not done while it was recorded.
///
/// # Errors
///
/// It is being recorded to or damaged, or cannot be written.
pub fn index(file: &Path) -> anyhow::Result<Exit> {
    let Indexed { text_bytes, .. } = store::index(file)?;
    say(format_args!("{} of text more can be looked up", wording::bytes(text_bytes)));
    Ok(Exit::Success)
}

/// Takes out of a session what is not wanted.
///
/// # Errors
///
/// It is in use or damaged, or cannot be written; it is then as it was.
pub fn trim(file: &Path, wanted: &Wanted) -> anyhow::Result<Exit> {
    let choice = Choice::make(&Reader::open(file)?, wanted)?;
    rewrite(file, |origin| choice.keeps(origin))
}

fn rewrite(file: &Path, keep: impl FnMut(Origin) -> bool) -> anyhow::Result<Exit> {
    let size = |file: &Path| std::fs::metadata(file).map(|metadata| metadata.len());
    let unseen = || format!("cannot open {}; check the path and the rights", file.display());
    let before = size(file).with_context(unseen)? + size(&log_of(file)).unwrap_or_default();
    let Copied { left_out, .. } = store::rewrite(file, keep)?;
    note_text(file);
    let after = size(file).context("look at what was written")?;
    say(format_args!("{left_out} events taken out; {before} bytes before, {after} now"));
    Ok(Exit::Success)
}

/// Notes where text stands in a session that was written. It is whole without, so that this may fail.
pub(crate) fn note_text(file: &Path) {
    if let Err(error) = store::index(file) {
        let words = "where text stands is not noted yet, which `session index` does";
        say::error(&anyhow::Error::new(error).context(format!("{}: {words}", file.display())));
    }
}

/// Where what was written last may stand, as a killed recording leaves it.
fn log_of(file: &Path) -> PathBuf {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

/// Which flows and exchanges stay.
#[derive(Debug, Default)]
struct Choice {
    flows: HashMap<FlowId, bool>,
    exchanges: HashMap<ExchangeId, (FlowId, bool)>,
    /// The flows of which a message stays.
    messages: HashSet<FlowId>,
    /// The flows of which something goes: it would still be in what was on the wire.
    cut: HashSet<FlowId>,
}

impl Choice {
    fn make(reader: &Reader, wanted: &Wanted) -> anyhow::Result<Self> {
        let filter = |expr: &Option<Expr>| sieve::filter(expr.clone());
        let (keep, drop) = (filter(&wanted.keep), filter(&wanted.drop));
        let body_bytes = sieve::body_bytes(keep.as_ref().or(drop.as_ref()));
        let mut choice = Self::default();
        each(reader, body_bytes, Span::ALL, |finished| {
            choice.see(finished, is_wanted(finished, keep.as_ref(), drop.as_ref()));
            Ok::<_, io::Error>(())
        })?
        .refuse()?;
        if let Some(newest) = wanted.newest {
            choice.only_newest(newest);
        }
        // What is said of a flow stays where one of its exchanges does; one that lost all of
        // them goes.
        let mut with_exchanges: HashMap<FlowId, bool> = HashMap::new();
        for (flow, stays) in choice.exchanges.values() {
            *with_exchanges.entry(*flow).or_default() |= stays;
            if !stays {
                choice.cut.insert(*flow);
            }
        }
        choice.flows.extend(with_exchanges);
        choice.flows.extend(choice.messages.iter().map(|flow| (*flow, true)));
        Ok(choice)
    }

    fn see(&mut self, finished: &Finished, wanted: bool) {
        match finished {
            Finished::Exchange(flow, exchange) => {
                let stays = &mut self.exchanges.entry(exchange.id).or_insert((flow.id, false)).1;
                *stays |= wanted;
            }
            Finished::WebSocket { flow, message, .. } if wanted => {
                self.exchanges.insert(message.exchange, (flow.id, true));
            }
            Finished::Message(flow, _) if wanted => {
                self.messages.insert(flow.id);
            }
            Finished::Flow(flow) => {
                self.flows.insert(flow.id, wanted);
            }
            _ => {}
        }
    }

    /// Gives up all but the newest of the exchanges that would stay.
    fn only_newest(&mut self, newest: usize) {
        let stay = self.exchanges.iter_mut().filter(|(_, (_, stays))| *stays);
        let mut stay: Vec<_> = stay.collect();
        stay.sort_unstable_by_key(|(id, _)| std::cmp::Reverse(id.0));
        for (_, (_, stays)) in stay.into_iter().skip(newest) {
            *stays = false;
        }
    }

    fn keeps(&self, origin: Origin) -> bool {
        match origin.exchange {
            None if origin.is_of_wire && self.cut.contains(&origin.flow) => false,
            Some(id) => self.exchanges.get(&id).is_some_and(|(_, stays)| *stays),
            None => self.flows.get(&origin.flow).copied().unwrap_or_default(),
        }
    }
}

fn is_wanted(finished: &Finished, keep: Option<&Filter>, drop: Option<&Filter>) -> bool {
    keep.is_none_or(|filter| sieve::selects(filter, finished))
        && !drop.is_some_and(|filter| sieve::selects(filter, finished))
}
