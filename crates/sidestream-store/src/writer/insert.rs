//! Many rows with few statements.

use rusqlite::{CachedStatement, Connection, ToSql};

/// How many rows a statement takes, the largest first. A statement opens its tables once, which
/// costs as much as some rows do.
const SIZES: [usize; 3] = [64, 8, 1];

/// Inserts rows of one table.
#[derive(Debug)]
pub(super) struct Insert {
    columns: usize,
    /// A statement for each of the sizes.
    texts: [String; SIZES.len()],
}

/// A row that is being filled, column by column.
pub(super) struct Cells<'s, 'c> {
    statement: &'s mut CachedStatement<'c>,
    next: usize,
}

impl Insert {
    /// Prepares for new rows of a table, of which these columns are filled.
    ///
    /// A statement that fails leaves the rows before the offending one, to be rolled back with the
    /// transaction. It costs no copy of each page that it changes, as one that is all or none does.
    pub(super) fn new(table: &str, columns: &[&str]) -> Self {
        Self::with("INSERT OR FAIL", table, columns, "")
    }

    /// Prepares for rows, and for what to do with those that are there already.
    pub(super) fn or_update(table: &str, columns: &[&str], set: &str) -> Self {
        let update = format!("ON CONFLICT (id) DO UPDATE SET {set}");
        Self::with("INSERT", table, columns, &update)
    }

    fn with(insert: &str, table: &str, columns: &[&str], end: &str) -> Self {
        let row = format!("({})", vec!["?"; columns.len()].join(", "));
        let names = columns.join(", ");
        let text = |size| {
            let rows = vec![&*row; size].join(", ");
            format!("{insert} INTO {table} ({names}) VALUES {rows} {end}")
        };
        Self { columns: columns.len(), texts: SIZES.map(text) }
    }

    /// Inserts rows, each of which `fill` puts into its cells.
    pub(super) fn rows<T>(
        &self,
        to: &Connection,
        mut rows: &[T],
        fill: impl Fn(&T, &mut Cells<'_, '_>) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        for (size, text) in SIZES.iter().zip(&self.texts) {
            let (whole, rest) = rows.split_at(rows.len() / size * size);
            rows = rest;
            if whole.is_empty() {
                continue;
            }
            let mut statement = to.prepare_cached(text)?;
            for chunk in whole.chunks_exact(*size) {
                for (index, row) in chunk.iter().enumerate() {
                    let next = 1 + index * self.columns;
                    fill(row, &mut Cells { statement: &mut statement, next })?;
                }
                statement.raw_execute()?;
            }
        }
        Ok(())
    }
}

impl Cells<'_, '_> {
    /// Fills the next column.
    pub(super) fn put(&mut self, value: impl ToSql) -> rusqlite::Result<()> {
        self.statement.raw_bind_parameter(self.next, value)?;
        self.next += 1;
        Ok(())
    }
}
