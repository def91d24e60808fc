//! One HTTP/1.1 exchange.

use std::io;

use super::Failed;
use super::request::{self, Url};
use crate::model::{Answer, HttpAsk, Trouble};
use crate::wire::Conn;
use crate::wire::http1::{Framing, Head, read_content, read_head};

pub(super) async fn ask(
    mut conn: Conn,
    ask: &HttpAsk,
    url: &Url,
    answer: &mut Answer,
) -> Result<(), Failed> {
    // A server may answer before it has read all, and then refuse the rest.
    let sent = send(&mut conn, ask, url).await;
    let head = match sent {
        Ok(Some(head)) => head,
        Ok(None) => response(&mut conn).await?,
        Err(error) => match response(&mut conn).await {
            Ok(head) => head,
            Err(_) => return Err(error.into()),
        },
    };
    take(&head, answer);
    let has_content =
        ask.method != "HEAD" && !matches!(answer.status, None | Some(101 | 204 | 304));
    if has_content {
        let content = read_content(&mut conn, head.framing(Framing::ToEnd)).await;
        answer.content = content.bytes;
        if let Some(kind) = content.error {
            return Err(Failed::new(Trouble::from(kind), kind));
        }
    }
    _ = conn.end().await;
    Ok(())
}

/// Sends the request; returns the response where it came before the content was asked for.
async fn send(conn: &mut Conn, ask: &HttpAsk, url: &Url) -> io::Result<Option<Head>> {
    let head = request::head(ask, url);
    let body = ask.body.as_deref().unwrap_or_default();
    if !request::expects(ask) {
        conn.send_and_fill(&[head.as_bytes(), body].concat()).await?;
        return Ok(None);
    }
    conn.send(head.as_bytes()).await?;
    match read_head(conn).await? {
        Some(head) if head.word(1) != "100" => Ok(Some(head)),
        Some(_) => conn.send_and_fill(body).await.map(|()| None),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Reads the head of the final response.
async fn response(conn: &mut Conn) -> Result<Head, Failed> {
    loop {
        let Some(head) = read_head(conn).await? else {
            return Err(Failed::new(Trouble::CutShort, "no response"));
        };
        let is_interim = head.word(1).starts_with('1') && head.word(1) != "101";
        if !is_interim {
            return Ok(head);
        }
    }
}

/// Takes over what the head of a response says.
pub(super) fn take(head: &Head, answer: &mut Answer) {
    answer.version = Some(head.word(0).to_owned());
    answer.status = head.word(1).parse().ok();
    let kept = head.fields.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("date"));
    answer.fields = kept.cloned().collect();
}
