//! `ps`: lists processes, and what a spec would do to each.

mod fate;
mod table;

use std::io::{self, BufWriter, IsTerminal, Write};

use serde::Serialize;
use sidestream::flow::Process;
use sidestream::process::{Packages, Table, decide};
use sidestream::spec::{Spec, Verdict};

use crate::args::Ps;
use crate::exit::Exit;
use crate::print::{Detail, Style};
use crate::say::say;
use crate::{explain, json};

use fate::{Fate, Ours};
use table::Row;

/// Prints the processes of this machine, by their ids.
///
/// # Errors
///
/// Processes cannot be read here, or the output cannot be written.
pub fn ps(args: &Ps, detail: Detail, style: Style) -> anyhow::Result<Exit> {
    let spec = match &args.spec {
        None => None,
        Some(text) => match explain::parse(text)? {
            None => return Ok(Exit::Usage),
            spec => spec,
        },
    };
    let table = Table::open()?;
    // The table for people shows no packages, so none are looked up for it.
    let table = if args.json { table.with_packages(Packages::default()) } else { table };
    let passes = |process: &Process| {
        spec.as_ref().is_some_and(|spec| decide(spec, process) == Verdict::Pass)
    };
    let list = table.list();
    let hidden = list.iter().filter(|process| process.path.is_none()).count();
    let (passed, taken): (Vec<_>, Vec<_>) =
        list.into_iter().partition(|process| !args.all && passes(process));
    let ours = Ours::find();
    let fate = |process: &Process| spec.as_ref().map(|spec| ours.fate(spec, process));
    let mut out = BufWriter::new(io::stdout().lock());
    let written = if args.json {
        let mut processes = taken.iter().map(|process| table.complete(process));
        processes.try_for_each(|process| write_json(&mut out, &process, fate(&process).as_ref()))
    } else {
        let rows: Vec<_> = taken.iter().map(|process| Row::new(process, fate(process))).collect();
        table::write(&mut out, &rows, style, limit(detail))
    };
    match written.and_then(|()| out.flush()) {
        // Whoever closes the other end, as `head` does, has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Exit::Success),
        written => written?,
    }
    if detail > Detail::Quiet {
        tell(passed.len(), if is_root(&table) { 0 } else { hidden }, spec.is_some());
    }
    Ok(Exit::Success)
}

/// Returns how wide the table may become: as the terminal, unless more is asked for.
fn limit(detail: Detail) -> Option<usize> {
    let stdout = io::stdout();
    let size = (detail < Detail::Heads && stdout.is_terminal())
        .then(|| terminal_size::terminal_size_of(stdout))?;
    size.map(|(terminal_size::Width(width), _)| width.into())
}

/// Says what the list does not show.
fn tell(passed: usize, hidden: usize, judged: bool) {
    if passed > 0 {
        say(format_args!("processes that are passed: {passed}, --all lists them"));
    }
    if hidden > 0 {
        let why = if judged { "judge" } else { "show" };
        say(format_args!(
            "processes whose executables are hidden from this user: {hidden}, run this as root to {why} them as well"
        ));
    }
}

/// Tells whether nothing is hidden from whoever runs this.
fn is_root(table: &Table) -> bool {
    let me = table.process(std::process::id());
    let user = me.as_ref().and_then(|me| me.effective_user.as_ref().or(me.user.as_ref()));
    user.is_some_and(|user| user.uid == 0)
}

/// A line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    process: json::Process,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    residual: Option<&'a str>,
}

fn write_json(out: &mut impl Write, process: &Process, fate: Option<&Fate>) -> io::Result<()> {
    let line = Line {
        process: process.into(),
        verdict: fate.map(Fate::name),
        residual: fate.and_then(Fate::residual).map(Spec::as_str),
    };
    serde_json::to_writer(&mut *out, &line)?;
    writeln!(out)
}
