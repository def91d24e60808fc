//! Forms that have one piece of text for each request, and raw messages.

use std::io::{self, Read, Write};

use sidestream::export::{ExportError, Request, curl, fetch, httpie, python, wget};
use sidestream::export::{raw_request, raw_response};
use sidestream::record::{Exchange, Part};

use super::State;
use super::bodies::{Bodies, Held, stream};
use super::output::Output;

/// A form that has a piece of text for each request.
#[derive(Clone, Copy)]
pub(super) struct Words {
    form: fn(Request<'_>) -> Result<String, ExportError>,
    written: bool,
}

impl Words {
    pub(super) const CURL: Self = Self::new(curl);
    pub(super) const FETCH: Self = Self::new(fetch);
    pub(super) const HTTPIE: Self = Self::new(httpie);
    pub(super) const PYTHON: Self = Self::new(python);
    pub(super) const WGET: Self = Self::new(wget);

    const fn new(form: fn(Request<'_>) -> Result<String, ExportError>) -> Self {
        Self { form, written: false }
    }

    /// Writes a request, an empty line between it and the one before; tells of one that cannot be
    /// written.
    pub(super) fn write(
        &mut self,
        state: &mut State<'_>,
        exchange: &Exchange,
        out: &mut Output,
    ) -> anyhow::Result<()> {
        // A tunnel is no request that anybody repeats.
        let Some(head) = exchange.request.as_ref().filter(|head| head.method != "CONNECT") else {
            return Ok(());
        };
        let Held { bytes, missing } = Bodies { state, exchange }.held(Part::Request)?;
        let body = (missing == 0).then_some(&bytes[..]);
        match (self.form)(Request { url: &exchange.url, head, body }) {
            Ok(text) => {
                let gap = if self.written { "\n" } else { "" };
                self.written = true;
                writeln!(out, "{gap}{text}")?;
            }
            Err(error) => state.lack(format_args!("exchange {}: {error}", exchange.id)),
        }
        Ok(())
    }
}

/// The messages of an exchange as HTTP/1.1 writes them.
pub(super) struct Raw<'a, 'b> {
    pub(super) state: &'a mut State<'b>,
    pub(super) exchange: &'a Exchange,
}

impl Raw<'_, '_> {
    pub(super) fn write(self, parts: &[Part], out: &mut Output) -> anyhow::Result<()> {
        let Self { state, exchange } = self;
        for part in parts {
            let body = exchange.body(*part);
            let mut content = Counted { content: stream(state, exchange, *part), bytes: 0 };
            match (part, &exchange.request, &exchange.response) {
                (Part::Request, Some(head), _) => {
                    raw_request(out, &exchange.url, head, &body.trailers, &mut content)?;
                }
                (Part::Response, request, Some(head)) => {
                    let asked = request.as_ref().map(|head| &head.method[..]);
                    let has_body = !matches!(asked, Some(b"HEAD" | b"CONNECT"));
                    raw_response(out, head, &body.trailers, &mut content, has_body)?;
                }
                _ => continue,
            }
            let (id, missing) = (exchange.id, body.bytes.saturating_sub(content.bytes));
            if missing > 0 {
                state.lack(format_args!("exchange {id}: {missing} bytes of the body are missing"));
            }
        }
        Ok(())
    }
}

/// A body of which is counted how much was read.
struct Counted<R> {
    content: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.content.read(buffer)?;
        self.bytes += read as u64;
        Ok(read)
    }
}
