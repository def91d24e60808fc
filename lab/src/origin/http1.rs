//! HTTP/1.1 as an origin writes it, byte by byte.

use std::io;

use http::StatusCode;

use super::Record;
use crate::model::{Close, ServeHttp};
use crate::wire::Conn;
use crate::wire::http1::{Framing, Head, read_content, read_head};

/// The response before the response.
const HINTS: &str = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n";

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Answers requests until one side has enough.
pub(super) async fn serve(mut conn: Conn, serve: &ServeHttp, record: &Record) {
    while let Ok(Some(head)) = read_head(&mut conn).await {
        record.line(head.first.clone());
        match answer(&mut conn, serve, &head).await {
            Ok(Close::Keep) => {}
            Ok(Close::After | Close::Middle) => {
                _ = conn.end().await;
                return conn.drain().await;
            }
            Ok(Close::Reset) => return conn.reset(),
            Err(_) => return,
        }
    }
    // The peer has ended its side, or what it said was no request.
    _ = conn.end().await;
}

/// Answers one request, and says how the connection goes on.
async fn answer(conn: &mut Conn, serve: &ServeHttp, head: &Head) -> io::Result<Close> {
    if head.field("expect").is_some_and(|expect| expect.eq_ignore_ascii_case("100-continue")) {
        conn.send(CONTINUE).await?;
    }
    if let Some(error) = read_content(conn, head.framing(Framing::Length(0))).await.error {
        return Err(error.into());
    }
    if serve.early_hints {
        conn.send(HINTS.as_bytes()).await?;
    }
    let (head_of_it, content) = write(serve, head.word(0) == "HEAD");
    let is_last = head.field("connection").is_some_and(|how| how.eq_ignore_ascii_case("close"));
    let whole = [head_of_it.as_bytes(), &content].concat();
    match serve.close {
        Close::Keep | Close::After => conn.send(&whole).await?,
        Close::Middle | Close::Reset => {
            conn.send(&whole[..head_of_it.len() + content.len() / 2]).await?;
        }
    }
    Ok(if is_last && serve.close == Close::Keep { Close::After } else { serve.close })
}

/// Writes a response: its head, and its content as it is framed.
fn write(serve: &ServeHttp, is_head: bool) -> (String, Vec<u8>) {
    let status = StatusCode::from_u16(serve.status);
    let reason = status.ok().and_then(|status| status.canonical_reason()).unwrap_or_default();
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", serve.status);
    let mut field = |name: &str, value: &str| {
        let gap = if value.is_empty() { "" } else { " " };
        head.push_str(&format!("{name}:{gap}{value}\r\n"));
    };
    serve.fields.iter().for_each(|(name, value)| field(name, value));
    let has_content = !matches!(serve.status, 204 | 304);
    if has_content && serve.chunks.is_some() {
        field("Transfer-Encoding", "chunked");
        let names: Vec<_> = serve.trailers.iter().map(|(name, _)| name.as_str()).collect();
        if !names.is_empty() {
            field("Trailer", &names.join(", "));
        }
    } else if has_content {
        field("Content-Length", &serve.body.len().to_string());
    }
    if serve.close == Close::After {
        field("Connection", "close");
    }
    head.push_str("\r\n");
    let content = match serve.chunks {
        _ if is_head || !has_content => Vec::new(),
        Some(size) => chunked(serve, size.max(1)),
        None => serve.body.clone(),
    };
    (head, content)
}

fn chunked(serve: &ServeHttp, size: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for chunk in serve.body.chunks(size) {
        out.extend(format!("{:x}\r\n", chunk.len()).as_bytes());
        out.extend(chunk);
        out.extend(b"\r\n");
    }
    out.extend(b"0\r\n");
    for (name, value) in &serve.trailers {
        out.extend(format!("{name}: {value}\r\n").as_bytes());
    }
    out.extend(b"\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_written_byte_by_byte() {
        let trailers = vec![("X-Sum".to_owned(), "odd  Value".to_owned())];
        let fields =
            vec![("x-b".to_owned(), "2".to_owned()), ("X-Empty".to_owned(), String::new())];
        let serve = ServeHttp {
            chunks: Some(4),
            trailers,
            fields,
            body: b"hello".to_vec(),
            close: Close::After,
            ..ServeHttp::default()
        };
        let (head, content) = write(&serve, false);
        let all = format!("{head}{}", String::from_utf8(content).unwrap());
        assert_eq!(
            all,
            "HTTP/1.1 200 OK\r\nx-b: 2\r\nX-Empty:\r\nTransfer-Encoding: chunked\r\n\
             Trailer: X-Sum\r\nConnection: close\r\n\r\n\
             4\r\nhell\r\n1\r\no\r\n0\r\nX-Sum: odd  Value\r\n\r\n"
        );
        assert_eq!(write(&serve, true).1, b"");
    }
}
