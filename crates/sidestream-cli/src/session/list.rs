//! `session list`: a line for each exchange, and for each flow that has none.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::SystemTime;

use sidestream::filter::{Filter, Selection};
use sidestream::list::{List, Order};
use sidestream::store::Reader;

use super::line::{Form, Printed};
use super::{Damage, is_gone, tell_losses};
use crate::exit::Exit;

/// Everything, as a filter.
const ALL: &str = "~all";

/// Prints the list of a session on standard output, as far as a filter selects it.
///
/// # Errors
///
/// The file is not a session or cannot be read; what could be has been printed. What is damaged in
/// it, as far as it had to be read or is little, is told, the rest printed, and the exit status is
/// not that of success.
pub fn list(path: &Path, json: bool, filter: Option<&Filter>) -> anyhow::Result<Exit> {
    let reader = Reader::open(path)?;
    let all = Filter::parse(ALL, SystemTime::UNIX_EPOCH)?;
    let selection = filter.unwrap_or(&all).selection();
    if !selection.exchanges.exact || !selection.flows.exact {
        return list_by(path, json, filter, Order::default());
    }
    match print(&reader, Form::of(json), &selection) {
        Err(error) if is_gone(&error) => return Ok(Exit::Success),
        printed => printed?,
    }
    tell_losses(&reader)?;
    end(&reader, &Damage::default())
}

/// Prints the list of a session in another order.
///
/// # Errors
///
/// As of [`list`].
pub fn list_by(
    path: &Path,
    json: bool,
    filter: Option<&Filter>,
    order: Order,
) -> anyhow::Result<Exit> {
    let mut list = List::open(path)?;
    list.set_filter(filter.cloned())?;
    list.order_by(order);
    let damage = catch_up(&mut list)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut lines = list.window(0..list.len());
    let form = Form::of(json);
    let printed =
        lines.try_for_each(|line| Ok(form.write(&mut out, &Printed::of(&line, list.reader())?)?));
    match printed.and_then(|()| Ok(out.flush()?)) {
        Err(error) if is_gone(&error) => return Ok(Exit::Success),
        printed => printed?,
    }
    tell_losses(list.reader())?;
    end(list.reader(), &damage)
}

/// Tells what is damaged, also where no line needed it, as far as that is soon known.
fn end(reader: &Reader, damage: &Damage) -> anyhow::Result<Exit> {
    if damage.tell() {
        return Ok(Exit::Failure);
    }
    let (mut beside, mut said) = (Damage::default(), Ok(()));
    reader.check_entries(CHECKED_BYTES, |error| {
        if said.is_ok() {
            said = beside.say(error);
        }
    })?;
    said?;
    let is_damaged = beside.sum("events, which no line here needed");
    Ok(if is_damaged { Exit::Failure } else { Exit::Success })
}

/// Takes up all that is committed, and judges all records that have to be.
fn catch_up(list: &mut List) -> anyhow::Result<Damage> {
    let (mut changes, mut damage) = (Vec::new(), Damage::default());
    loop {
        match list.update(STEP, &mut changes) {
            Ok(true) => return Ok(damage),
            Ok(false) => {}
            // The next is behind it. The lists are read as a whole or not at all.
            Err(error) => damage.add(error)?,
        }
        changes.clear();
    }
}

/// How many entries are taken up at once.
const STEP: usize = 100_000;

/// Up to so much of events is looked at that no line needs: by calculation, 0.2 s.
const CHECKED_BYTES: u64 = 8 * 1024 * 1024;

fn print(reader: &Reader, form: Form, selection: &Selection) -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut printed = Ok(());
    reader.list(selection, |line| {
        printed = form.write(&mut out, &Printed::from(&line));
        printed.is_ok()
    })?;
    printed?;
    Ok(out.flush()?)
}
