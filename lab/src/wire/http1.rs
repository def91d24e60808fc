//! HTTP/1.1 as it is read: heads, content by length, in chunks, or to the end (RFC 9112).

use std::io;

use bytes::Buf as _;

use super::Conn;

/// How long a head may be.
const MAX_HEAD: usize = 64 * 1024;

/// The head of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The first line.
    pub first: String,
    /// The fields, as they came.
    pub fields: Vec<(String, String)>,
}

/// How content is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// By its length.
    Length(u64),
    /// In chunks.
    Chunks,
    /// It goes on to the end of the connection.
    ToEnd,
}

/// Content that came, and whether that is all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// What came.
    pub bytes: Vec<u8>,
    /// The error that cut it short.
    pub error: Option<io::ErrorKind>,
}

impl Head {
    /// Returns the value of the first field of that name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Returns the part of the first line with that number.
    #[must_use]
    pub fn word(&self, number: usize) -> &str {
        self.first.split(' ').nth(number).unwrap_or_default()
    }

    /// Returns how content is framed if there is any, and otherwise what a message without any
    /// field about it has.
    #[must_use]
    pub fn framing(&self, otherwise: Framing) -> Framing {
        let is_chunked = |coding: &str| coding.to_ascii_lowercase().ends_with("chunked");
        if self.field("transfer-encoding").is_some_and(is_chunked) {
            return Framing::Chunks;
        }
        let length = self.field("content-length").and_then(|length| length.parse().ok());
        length.map_or(otherwise, Framing::Length)
    }
}

/// Reads a head; `None` if the peer ended before it began one.
///
/// # Errors
///
/// The connection ended within it, or it is too long.
pub async fn read_head(conn: &mut Conn) -> io::Result<Option<Head>> {
    let mut seen = 0;
    let end = loop {
        let found = conn.waiting()[seen..].windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(at) = found {
            break seen + at;
        }
        seen = conn.waiting().len().saturating_sub(3);
        if seen > MAX_HEAD {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if !conn.fill().await? {
            let is_clean = conn.waiting().is_empty();
            return if is_clean { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
    };
    let bytes = conn.waiting().split_to(end + 4);
    let text = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = text.split("\r\n").map(str::to_owned);
    let first = lines.next().unwrap_or_default();
    let field = |line: String| {
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        (name.to_owned(), value.trim().to_owned())
    };
    Ok(Some(Head { first, fields: lines.map(field).collect() }))
}

/// Reads content; what came of it is kept even if it is cut short.
pub async fn read_content(conn: &mut Conn, framing: Framing) -> Content {
    let mut content = Content::default();
    let read = match framing {
        Framing::Length(length) => read_length(conn, length, &mut content.bytes).await,
        Framing::Chunks => read_chunks(conn, &mut content.bytes).await,
        Framing::ToEnd => read_to_end(conn, &mut content.bytes).await,
    };
    content.error = read.err().map(|error| error.kind());
    content
}

async fn read_length(conn: &mut Conn, mut length: u64, to: &mut Vec<u8>) -> io::Result<()> {
    while length > 0 {
        if conn.waiting().is_empty() {
            need(conn).await?;
        }
        let now = conn.waiting().len().min(usize::try_from(length).unwrap_or(usize::MAX));
        to.extend_from_slice(&conn.waiting().split_to(now));
        length -= now as u64;
    }
    Ok(())
}

async fn read_chunks(conn: &mut Conn, to: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let line = read_line(conn).await?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let Ok(size) = u64::from_str_radix(size, 16) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        if size == 0 {
            while !read_line(conn).await?.is_empty() {}
            return Ok(());
        }
        read_length(conn, size, to).await?;
        read_line(conn).await?;
    }
}

async fn read_to_end(conn: &mut Conn, to: &mut Vec<u8>) -> io::Result<()> {
    loop {
        to.extend_from_slice(&conn.waiting().split());
        if !conn.fill().await? {
            return Ok(());
        }
    }
}

async fn read_line(conn: &mut Conn) -> io::Result<String> {
    loop {
        if let Some(end) = conn.waiting().windows(2).position(|two| two == b"\r\n") {
            let line = conn.waiting().split_to(end);
            conn.waiting().advance(2);
            return Ok(String::from_utf8_lossy(&line).into_owned());
        }
        if conn.waiting().len() > MAX_HEAD {
            return Err(io::ErrorKind::InvalidData.into());
        }
        need(conn).await?;
    }
}

/// Reads more, which there has to be.
async fn need(conn: &mut Conn) -> io::Result<()> {
    if conn.fill().await? { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}
