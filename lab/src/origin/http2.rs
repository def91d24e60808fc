//! HTTP/2 as an origin speaks it.

use std::future::poll_fn;

use bytes::Bytes;
use h2::server::{SendResponse, handshake};
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};

use super::Record;
use crate::model::{Close, ServeHttp};
use crate::wire::Conn;

/// Answers requests until one side has enough.
pub(super) async fn serve(conn: Conn, serve: &ServeHttp, record: &Record) {
    record.counts_content();
    if matches!(serve.close, Close::Keep | Close::Reset) {
        record.ends_after_the_peer();
    }
    let Ok(mut connection) = handshake(conn).await else { return };
    let mut answered = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            biased;
            accepted = connection.accept() => {
                let Some(Ok((request, respond))) = accepted else { return };
                let (serve, record) = (serve.clone(), record.clone());
                answered.spawn(async move {
                    // A stream that fails is the client's to see.
                    _ = answer(request, respond, &serve, &record).await;
                });
            }
            Some(_) = answered.join_next() => match serve.close {
                Close::Keep | Close::Reset => {}
                // GOAWAY, and then the end.
                Close::After => connection.graceful_shutdown(),
                Close::Middle => {
                    // What was answered goes out first.
                    tokio::task::yield_now().await;
                    connection.abrupt_shutdown(Reason::INTERNAL_ERROR);
                }
            },
        }
    }
}

async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    serve: &ServeHttp,
    record: &Record,
) -> Result<(), h2::Error> {
    let (head, mut content) = request.into_parts();
    let target = head.uri.path_and_query().map_or("*", |target| target.as_str());
    record.line(format!("{} {target} HTTP/2", head.method));
    while let Some(data) = content.data().await {
        let data = data?;
        record.content(data.len(), 0);
        content.flow_control().release_capacity(data.len())?;
    }
    if serve.early_hints {
        let hints = Response::builder().status(103).header("link", "</style.css>; rel=preload");
        respond.send_informational(hints.body(()).unwrap_or_default())?;
    }
    let has_content = !matches!(serve.status, 204 | 304) && head.method != http::Method::HEAD;
    let has_trailers = serve.chunks.is_some() && !serve.trailers.is_empty();
    let body = if has_content { &serve.body[..] } else { &[] };
    let mut stream = respond.send_response(response(serve), body.is_empty() && !has_trailers)?;
    let part = match serve.close {
        Close::Keep | Close::After => body,
        Close::Middle | Close::Reset => &body[..body.len() / 2],
    };
    let is_whole = part.len() == body.len();
    send(&mut stream, Bytes::copy_from_slice(part), is_whole && !has_trailers).await?;
    record.content(0, part.len());
    if serve.close == Close::Reset {
        stream.send_reset(Reason::INTERNAL_ERROR);
    } else if is_whole && has_trailers {
        stream.send_trailers(fields(&serve.trailers))?;
    } else if !is_whole {
        // The connection ends before the stream does.
        poll_fn(|cx| stream.poll_reset(cx)).await?;
    }
    Ok(())
}

fn response(serve: &ServeHttp) -> Response<()> {
    let mut response = Response::new(());
    if let Ok(status) = http::StatusCode::from_u16(serve.status) {
        *response.status_mut() = status;
    }
    *response.headers_mut() = fields(&serve.fields);
    if serve.chunks.is_none() && !matches!(serve.status, 204 | 304) {
        response.headers_mut().insert("content-length", serve.body.len().into());
    }
    response
}

fn fields(pairs: &[(String, String)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        let parsed = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value));
        if let (Ok(name), Ok(value)) = parsed {
            map.append(name, value);
        }
    }
    map
}

/// Sends as much as the client takes, again and again.
pub(crate) async fn send(
    stream: &mut SendStream<Bytes>,
    mut bytes: Bytes,
    is_last: bool,
) -> Result<(), h2::Error> {
    while !bytes.is_empty() {
        stream.reserve_capacity(bytes.len());
        let Some(room) = poll_fn(|cx| stream.poll_capacity(cx)).await else {
            return Err(Reason::STREAM_CLOSED.into());
        };
        let now = bytes.split_to(room?.min(bytes.len()));
        stream.send_data(now, is_last && bytes.is_empty())?;
    }
    Ok(())
}
