//! Writes flows for programs: one JSON object a line, as `docs/json.md` describes.

mod from;
mod process;
mod schema;
mod text;

use std::io::{self, Write};

use sidestream::record::Finished;

use crate::redact::Redact;

pub(crate) use process::Process;

/// Writes what is finished as lines of JSON.
#[derive(Debug)]
pub struct JsonWriter<W> {
    out: W,
    redact: Redact,
}

impl<W: Write> JsonWriter<W> {
    /// Writes to `out`.
    pub fn new(out: W, redact: Redact) -> Self {
        Self { out, redact }
    }

    /// Writes one finished thing: an exchange, or a flow that is not told by its exchanges.
    ///
    /// # Errors
    ///
    /// Whatever the output says.
    pub fn write(&mut self, finished: &Finished) -> io::Result<()> {
        let Some(line) = from::line(finished, &self.redact) else { return Ok(()) };
        let mut text = serde_json::to_vec(&line)?;
        text.push(b'\n');
        // A line at a time: who reads along never sees half of one.
        self.out.write_all(&text)
    }

    /// Hands over what is still held back.
    ///
    /// # Errors
    ///
    /// Whatever the output says.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Returns where it writes to.
    pub fn into_inner(self) -> W {
        self.out
    }
}
