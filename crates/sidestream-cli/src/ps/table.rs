//! Processes as a table for people.

use std::io::{self, Write};

use sidestream::flow::Process;
use sidestream::record::wording::text;

use super::fate::Fate;
use crate::identity;
use crate::print::{Color, Style};

/// The widest that a column becomes; a wider cell moves those behind it.
const MAX_WIDTH: usize = 40;

/// The least that is shown of programs, however narrow the terminal.
const MIN_PROGRAM: usize = 16;

/// A line, ready to be printed.
pub(super) struct Row {
    pid: String,
    user: String,
    /// Empty without a spec.
    verdict: String,
    color: Color,
    place: String,
    /// The path of the executable; in brackets the name of a process that does not show one.
    program: String,
    args: String,
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
            program: path.map_or_else(|| format!("[{}]", text(process.name.as_bytes())), text),
            args: process
                .args
                .iter()
                .skip(1)
                .fold(String::new(), |args, arg| args + " " + &text(arg.as_bytes())),
        }
    }
}

fn color(fate: &Fate) -> Color {
    match fate {
        Fate::Destination(_) => Color::Cyan,
        Fate::Intercept => Color::Green,
        Fate::Never | Fate::Pass => Color::Dim,
        Fate::Unknown => Color::Yellow,
    }
}

/// Writes the table, cut to a width where there is one. A column in which nothing stands is left
/// out.
pub(super) fn write(
    out: &mut impl Write,
    rows: &[Row],
    style: Style,
    limit: Option<usize>,
) -> io::Result<()> {
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
    let line = |pid_cell: &str, cells: [(&str, Color); 3], program: &str, args: &str| {
        let (mut line, mut used) = (format!("{pid_cell:>pid$}"), pid.max(pid_cell.len()));
        for ((_, width), (cell, color)) in columns.iter().zip(cells).filter(|((_, w), _)| *w > 0) {
            line += "  ";
            line += &style.paint(color, &format!("{cell:width$}"));
            used += 2 + cell.chars().count().max(*width);
        }
        let room = limit.map_or(usize::MAX, |limit| limit.saturating_sub(used + 2));
        let (program, room) = cut(program, room.max(MIN_PROGRAM));
        let (args, _) = cut(args, room);
        line + "  " + program + &style.paint(Color::Dim, args)
    };
    let titles = columns.map(|(title, _)| (title, Color::Plain));
    writeln!(out, "{}", style.paint(Color::Dim, &line("PID", titles, "PROGRAM", "")))?;
    for row in rows {
        let cells =
            [(&*row.user, Color::Plain), (&*row.verdict, row.color), (&*row.place, Color::Plain)];
        writeln!(out, "{}", line(&row.pid, cells, &row.program, &row.args))?;
    }
    Ok(())
}

/// Cuts text to so many characters, and says how many are left.
fn cut(text: &str, room: usize) -> (&str, usize) {
    match text.char_indices().nth(room) {
        Some((end, _)) => (&text[..end], 0),
        None => (text, room - text.chars().count()),
    }
}

#[cfg(test)]
mod tests {
    use sidestream::flow::Process;

    use super::{Fate, Row, Style, write};

    fn table(fate: Option<fn() -> Fate>, limit: Option<usize>) -> String {
        let args = ["curl", "--header", "a\nb", "é", ""].map(str::to_owned);
        let shown = Process {
            pid: 4_000_000,
            path: Some("/usr/bin/curl".into()),
            args: args.to_vec(),
            ..Process::default()
        };
        let hidden = Process { pid: 7, name: "init\u{1b}".into(), ..Process::default() };
        let rows = [shown, hidden].map(|process| Row::new(&process, fate.map(|fate| fate())));
        let mut out = Vec::new();
        write(&mut out, &rows, Style::PLAIN, limit).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_program_has_its_arguments_and_a_hidden_one_its_name_in_brackets() {
        let expected = "    PID  PROGRAM\n\
            4000000  /usr/bin/curl --header a\\nb é \n      \
            7  [init\\u{1b}]\n";
        assert_eq!(table(None, None), expected);
    }

    #[test]
    fn lines_end_with_the_terminal_but_some_of_the_program_is_seen() {
        let cut = |limit| table(Some(|| Fate::Unknown), Some(limit));
        let lengths =
            |text: String| text.lines().map(|line| line.chars().count()).collect::<Vec<_>>();
        assert_eq!(lengths(cut(60)), [45, 60, 50]);
        assert!(cut(60).contains("  unknown (executable hidden)  /usr/bin/curl --header"));
        assert!(cut(10).contains("  /usr/bin/curl --\n"), "{}", cut(10));
    }
}
