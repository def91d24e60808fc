//! One HTTP/1 request, kept as it stood on the wire.

use std::io;

use super::Wire;

/// The longest head and the longest chunk-size line that an origin reads.
const MAX_HEAD_BYTES: usize = 1024 * 1024;

/// A request as it was received; parsed just enough to find its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    head: Vec<u8>,
    body: Vec<u8>,
}

impl Request {
    /// Reads one request, head and body; `None` when the client ended in good order before one.
    ///
    /// # Errors
    ///
    /// When the connection breaks within the request, or the request's framing
    /// cannot be understood.
    pub fn read(wire: &mut Wire) -> io::Result<Option<Self>> {
        let Some(mut request) = Self::read_head(wire)? else { return Ok(None) };
        request.read_body(wire)?;
        Ok(Some(request))
    }

    /// Reads the head of a request and leaves what follows on the wire.
    ///
    /// # Errors
    ///
    /// As [`Request::read`].
    pub fn read_head(wire: &mut Wire) -> io::Result<Option<Self>> {
        let head = wire.read_until(|bytes| match end_of_head(bytes) {
            None if bytes.len() > MAX_HEAD_BYTES => Err(malformed("the head never ends")),
            end => Ok(end),
        })?;
        Ok(head.map(|head| Self { head, body: Vec::new() }))
    }

    /// Reads the body that the head announces.
    ///
    /// # Errors
    ///
    /// As [`Request::read`].
    pub fn read_body(&mut self, wire: &mut Wire) -> io::Result<()> {
        if self.header("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
            return self.read_chunks(wire);
        }
        let Some(length) = self.header("content-length") else { return Ok(()) };
        let length = length.parse().map_err(|error| malformed(&format!("length: {error}")))?;
        self.body = take(wire, length)?;
        Ok(())
    }

    fn read_chunks(&mut self, wire: &mut Wire) -> io::Result<()> {
        loop {
            let line = read_line(wire)?;
            let digits = line.split(|byte| b";\r\n \t".contains(byte)).next().unwrap_or_default();
            let digits = String::from_utf8_lossy(digits);
            let size = usize::from_str_radix(&digits, 16)
                .map_err(|error| malformed(&format!("chunk size: {error}")))?;
            self.body.extend(line);
            if size == 0 {
                break;
            }
            self.body.extend(take(wire, size)?);
            self.body.extend(read_line(wire)?);
        }
        loop {
            let trailer = read_line(wire)?;
            let last = trailer.trim_ascii().is_empty();
            self.body.extend(trailer);
            if last {
                return Ok(());
            }
        }
    }

    /// Gives the request line and the headers with the empty line, as received.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Gives the body as received: of a chunked one also the chunk sizes and the trailers.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Gives the method.
    pub fn method(&self) -> &str {
        self.request_line(0)
    }

    /// Gives the request target: a path, an absolute URL, or `host:port` of a CONNECT.
    pub fn target(&self) -> &str {
        self.request_line(1)
    }

    /// Gives the first header of that name, in any case, without the spaces around its value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut named = self.headers().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value)
    }

    /// Gives names and values in order, trimmed; lines that are not UTF-8 or have no colon are left out.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.head.split(|byte| *byte == b'\n').skip(1);
        lines.filter_map(|line| {
            let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
            Some((name.trim(), value.trim()))
        })
    }

    fn request_line(&self, word: usize) -> &str {
        let line = self.head.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = std::str::from_utf8(line).unwrap_or_default();
        line.split_whitespace().nth(word).unwrap_or_default()
    }
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let ends =
        |end: &[u8]| bytes.windows(end.len()).position(|w| w == end).map(|at| at + end.len());
    [ends(b"\r\n\r\n"), ends(b"\n\n")].into_iter().flatten().min()
}

fn read_line(wire: &mut Wire) -> io::Result<Vec<u8>> {
    let line = wire.read_until(|bytes| match bytes.iter().position(|byte| *byte == b'\n') {
        None if bytes.len() > MAX_HEAD_BYTES => Err(malformed("a line never ends")),
        end => Ok(end.map(|at| at + 1)),
    })?;
    line.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

fn take(wire: &mut Wire, length: usize) -> io::Result<Vec<u8>> {
    let taken = wire.read_until(|bytes| Ok((bytes.len() >= length).then_some(length)))?;
    taken.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
