//! Processes as a table for people.

use std::io::{self, Write};

use sidestream::flow::Process;
use sidestream::record::wording::text;

use super::fate::Fate;
use crate::identity;
use crate::print::{Color, Style};

/// The widest that a column becomes; a wider cell moves those behind it.
const MAX_WIDTH: usize = 40;

/// A line, ready to be printed.
pub(super) struct Row {
    pid: String,
    user: String,
    /// Empty without a spec.
    verdict: String,
    color: Color,
    place: String,
    program: String,
}

impl Row {
    /// Words a process and what becomes of it.
    pub(super) fn new(process: &Process, fate: Option<Fate>) -> Self {
        let printable = |words: String| text(words.as_bytes());
        let container = process.container.as_ref().map(identity::container);
        let path = process.path.as_deref().map(|path| path.as_os_str().as_encoded_bytes());
        Self {
            pid: process.pid.to_string(),
            user: process.user.as_ref().map(identity::user).map(printable).unwrap_or_default(),
            color: fate.as_ref().map_or(Color::Plain, color),
            verdict: fate.map(|fate| printable(fate.to_string())).unwrap_or_default(),
            place: container.or_else(|| process.unit.clone()).map(printable).unwrap_or_default(),
            program: path.map_or_else(|| text(process.name.as_bytes()), text),
        }
    }
}

fn color(fate: &Fate) -> Color {
    match fate {
        Fate::Destination(_) => Color::Cyan,
        Fate::Intercept => Color::Green,
        Fate::Never | Fate::Pass => Color::Dim,
    }
}

/// Writes the table. A column in which nothing stands is left out.
pub(super) fn write(out: &mut impl Write, rows: &[Row], style: Style) -> io::Result<()> {
    let width = |title: &str, cell: fn(&Row) -> &str| {
        let widest = rows.iter().map(|row| cell(row).chars().count()).max().unwrap_or(0);
        if widest == 0 { 0 } else { widest.min(MAX_WIDTH).max(title.len()) }
    };
    let pid = width("PID", |row| &row.pid).max("PID".len());
    let columns = [
        ("USER", width("USER", |row| &row.user)),
        ("VERDICT", width("VERDICT", |row| &row.verdict)),
        ("WHERE", width("WHERE", |row| &row.place)),
    ];
    let line = |pid_cell: &str, cells: [(&str, Color); 3], program: &str| {
        let mut line = format!("{pid_cell:>pid$}");
        for ((_, width), (cell, color)) in columns.iter().zip(cells).filter(|((_, w), _)| *w > 0) {
            line += "  ";
            line += &style.paint(color, &format!("{cell:width$}"));
        }
        line + "  " + program
    };
    let titles = columns.map(|(title, _)| (title, Color::Plain));
    writeln!(out, "{}", style.paint(Color::Dim, &line("PID", titles, "PROGRAM")))?;
    for row in rows {
        let cells =
            [(&*row.user, Color::Plain), (&*row.verdict, row.color), (&*row.place, Color::Plain)];
        writeln!(out, "{}", line(&row.pid, cells, &row.program))?;
    }
    Ok(())
}
