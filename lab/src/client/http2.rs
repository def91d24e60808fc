//! One HTTP/2 exchange.

use bytes::Bytes;
use h2::client::{ResponseFuture, handshake};
use h2::{RecvStream, SendStream};
use http::{HeaderName, HeaderValue, Request};

use super::Failed;
use super::request::Url;
use crate::model::{Answer, HttpAsk, Trouble};
use crate::origin::send;
use crate::wire::Conn;

pub(super) async fn ask(
    conn: Conn,
    ask: &HttpAsk,
    url: &Url,
    answer: &mut Answer,
) -> Result<(), Failed> {
    let (sender, connection) = handshake(conn).await?;
    let mut connection = tokio::spawn(connection);
    let mut sender = sender.ready().await?;
    let (response, upload) = sender.send_request(request(ask, url)?, ask.body.is_none())?;
    let done = exchange(response, upload, ask, answer).await;
    drop(sender);
    // It says goodbye once nobody needs it any more.
    let ended = (&mut connection).await;
    connection.abort();
    done?;
    drop(ended);
    Ok(())
}

fn request(ask: &HttpAsk, url: &Url) -> Result<Request<()>, Failed> {
    let scheme = if url.is_tls { "https" } else { "http" };
    let uri = format!("{scheme}://{}{}", url.authority, url.target);
    let mut request = Request::builder()
        .method(ask.method.as_str())
        .uri(uri)
        .header("user-agent", "lab")
        .header("accept", "*/*");
    for (name, value) in &ask.fields {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(wrong)?;
        request = request.header(name, HeaderValue::from_str(value).map_err(wrong)?);
    }
    if let Some(body) = &ask.body {
        let names_type =
            ask.fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        request = request.header("content-length", body.len());
        if !names_type {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
    }
    request.body(()).map_err(wrong)
}

async fn exchange(
    response: ResponseFuture,
    mut upload: SendStream<Bytes>,
    ask: &HttpAsk,
    answer: &mut Answer,
) -> Result<(), Failed> {
    if let Some(body) = &ask.body {
        send(&mut upload, Bytes::copy_from_slice(body), true).await?;
    }
    let (head, content) = response.await?.into_parts();
    answer.version = Some("HTTP/2".to_owned());
    answer.status = Some(head.status.as_u16());
    answer.fields = head
        .headers
        .iter()
        .filter(|(name, _)| *name != "date")
        .map(|(name, value)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    receive(content, &mut answer.content).await
}

async fn receive(mut content: RecvStream, to: &mut Vec<u8>) -> Result<(), Failed> {
    while let Some(data) = content.data().await {
        let data = data?;
        to.extend_from_slice(&data);
        content.flow_control().release_capacity(data.len())?;
    }
    content.trailers().await?;
    Ok(())
}

fn wrong(error: impl ToString) -> Failed {
    Failed::new(Trouble::Other, error)
}

impl From<h2::Error> for Failed {
    fn from(error: h2::Error) -> Self {
        let said = error.to_string();
        let trouble = match error.get_io() {
            Some(io) => Trouble::from(io.kind()),
            None if error.is_reset() => Trouble::Reset,
            None if error.is_go_away() => Trouble::CutShort,
            None => Trouble::Other,
        };
        Self { trouble, said }
    }
}
