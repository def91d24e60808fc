//! Writes an archive, an entry at a time.

mod wire;

use std::io;

use crate::entry::Entry;

/// Who writes the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Creator<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
}

/// Writes an archive of HAR 1.2, an entry at a time, of which it holds one.
///
/// Dropped without [`finish`](Self::finish) it leaves an archive that ends too early.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    entries: u64,
}

impl<W: io::Write> Writer<W> {
    /// Begins an archive.
    ///
    /// # Errors
    ///
    /// Whatever the output says.
    pub fn new(mut out: W, creator: Creator<'_>) -> io::Result<Self> {
        let Creator { name, version } = creator;
        let creator = serde_json::to_string(&wire::Creator { name, version })?;
        write!(out, "{{\"log\":{{\"version\":\"1.2\",\"creator\":{creator},\"entries\":[")?;
        Ok(Self { out, entries: 0 })
    }

    /// Writes an entry on a line of its own.
    ///
    /// # Errors
    ///
    /// Whatever the output says.
    pub fn write(&mut self, entry: &Entry) -> io::Result<()> {
        let gap: &[u8] = if self.entries == 0 { b"\n" } else { b",\n" };
        self.out.write_all(gap)?;
        self.entries += 1;
        Ok(serde_json::to_writer(&mut self.out, &wire::Entry::from(entry))?)
    }

    /// Ends the archive, and returns the output.
    ///
    /// # Errors
    ///
    /// Whatever the output says.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.write_all(b"\n]}}\n")?;
        self.out.flush()?;
        Ok(self.out)
    }
}
