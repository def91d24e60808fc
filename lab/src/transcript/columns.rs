//! Text in columns.

/// Rows of cells, each cell some lines, and lines across all columns.
#[derive(Debug)]
pub(super) struct Table<const N: usize> {
    heads: [&'static str; N],
    rows: Vec<Row<N>>,
}

#[derive(Debug)]
enum Row<const N: usize> {
    Cells([Vec<String>; N]),
    Across(String),
}

impl<const N: usize> Table<N> {
    pub(super) const fn new(heads: [&'static str; N]) -> Self {
        Self { heads, rows: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: [Vec<String>; N]) {
        self.rows.push(Row::Cells(cells));
    }

    pub(super) fn across(&mut self, line: &str) {
        self.rows.push(Row::Across(line.to_owned()));
    }

    pub(super) fn render(&self) -> String {
        let widths: [usize; N] = std::array::from_fn(|column| self.width(column));
        let mut out = line(&self.heads.map(str::to_owned), &widths);
        for row in &self.rows {
            out.push_str(&widths.map(|width| "─".repeat(width)).join("─┼─"));
            out.push('\n');
            match row {
                Row::Across(words) => out.push_str(&format!("* {words}\n")),
                Row::Cells(cells) => {
                    let height = cells.iter().map(Vec::len).max().unwrap_or(0);
                    for at in 0..height {
                        let of = |cell: &Vec<String>| cell.get(at).cloned().unwrap_or_default();
                        out.push_str(&line(&cells.each_ref().map(of), &widths));
                    }
                }
            }
        }
        out
    }

    fn width(&self, column: usize) -> usize {
        let of_row = |row: &Row<N>| match row {
            Row::Cells(cells) => cells[column].iter().map(|line| length(line)).max().unwrap_or(0),
            Row::Across(_) => 0,
        };
        let widest = self.rows.iter().map(of_row).max().unwrap_or(0);
        widest.max(length(self.heads[column]))
    }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn line<const N: usize>(cells: &[String; N], widths: &[usize; N]) -> String {
    let padded = |(cell, width): (&String, &usize)| format!("{cell:<width$}");
    let cells: Vec<_> = cells.iter().zip(widths).map(padded).collect();
    format!("{}\n", cells.join(" │ ").trim_end())
}
