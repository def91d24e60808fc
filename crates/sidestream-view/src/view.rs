//! What a view is, and how its machine is run.

use std::fmt;
use std::time::Duration;

use crate::out::{Out, Writer};
use crate::sink::Sink;

/// Makes content readable as it arrives.
///
/// What is written does not depend on how the content was cut into pieces, and memory does not
/// grow with it. Broken content is written too: what is broken is marked, and what follows is
/// written as text or in hexadecimal.
pub trait View: fmt::Debug + Send {
    /// Takes the next bytes.
    fn push(&mut self, bytes: &[u8], sink: &mut dyn Sink);

    /// Says when the next bytes came, since the content was asked for.
    ///
    /// Views that tell of times tell of none unless they are told.
    fn at(&mut self, since_start: Duration) {
        // Most tell of none.
        let _ = since_start;
    }

    /// Says that the content is at its end.
    fn finish(&mut self, sink: &mut dyn Sink);

    /// Says that nothing more will be shown of it, though it goes on.
    fn leave(&mut self, sink: &mut dyn Sink);
}

/// A view, byte by byte.
pub(crate) trait Machine: fmt::Debug + Send {
    fn byte(&mut self, byte: u8, out: &mut Out<'_>);

    fn at(&mut self, _since_start: Duration) {}

    fn end(&mut self, out: &mut Out<'_>);
}

impl Machine for Box<dyn Machine> {
    fn byte(&mut self, byte: u8, out: &mut Out<'_>) {
        (**self).byte(byte, out);
    }

    fn at(&mut self, since_start: Duration) {
        (**self).at(since_start);
    }

    fn end(&mut self, out: &mut Out<'_>) {
        (**self).end(out);
    }
}

/// A machine and its writer.
#[derive(Debug)]
pub(crate) struct Streamed<M> {
    machine: M,
    writer: Writer,
}

impl<M> Streamed<M> {
    pub(crate) fn new(machine: M) -> Self {
        Self { machine, writer: Writer::default() }
    }
}

impl<M: Machine> View for Streamed<M> {
    fn push(&mut self, bytes: &[u8], sink: &mut dyn Sink) {
        let mut out = Out::new(&mut self.writer, sink);
        bytes.iter().for_each(|byte| self.machine.byte(*byte, &mut out));
        out.flush();
    }

    fn at(&mut self, since_start: Duration) {
        self.machine.at(since_start);
    }

    fn finish(&mut self, sink: &mut dyn Sink) {
        let mut out = Out::new(&mut self.writer, sink);
        self.machine.end(&mut out);
        out.fresh();
    }

    fn leave(&mut self, sink: &mut dyn Sink) {
        Out::new(&mut self.writer, sink).leave();
        self.finish(sink);
    }
}

/// Runs a machine over bytes that are all there.
pub(crate) fn run(mut machine: impl Machine, bytes: &[u8], out: &mut Out<'_>) {
    bytes.iter().for_each(|byte| machine.byte(*byte, out));
    machine.end(out);
    out.fresh();
}

/// Content that can be read only once it is all there.
pub(crate) struct Gathered {
    most: usize,
    bytes: Vec<u8>,
    more: u64,
    render: fn(&[u8], u64, &mut Out<'_>),
}

impl Gathered {
    /// Gathers up to `most` bytes; `render` gets them, and how many more there were.
    pub(crate) const fn new(most: usize, render: fn(&[u8], u64, &mut Out<'_>)) -> Self {
        Self { most, bytes: Vec::new(), more: 0, render }
    }
}

impl Machine for Gathered {
    fn byte(&mut self, byte: u8, _out: &mut Out<'_>) {
        if self.bytes.len() < self.most {
            self.bytes.push(byte);
        } else {
            self.more += 1;
        }
    }

    fn end(&mut self, out: &mut Out<'_>) {
        (self.render)(&self.bytes, self.more, out);
        out.fresh();
    }
}

impl fmt::Debug for Gathered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gathered").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}
