//! A WebSocket conversation.

use super::request::Url;
use super::{Connect, Failed, http1, tls};
use crate::model::{Answer, Trouble, WsFrame};
use crate::wire::Conn;
use crate::wire::http1::read_head;
use crate::wire::websocket::{Frame, Opcode, accept, read_frame};

/// The client's key: it protects from caches, and there is none in a lab.
const KEY: &str = "dGhlIGxhYidzIG93biBrZQ==";

/// What frames are masked with, for the same reason always the same.
const MASK: Option<[u8; 4]> = Some([0x5a, 0x1d, 0xe5, 0x7a]);

pub(super) async fn ask(
    connect: &dyn Connect,
    url: &str,
    frames: &[WsFrame],
    close: u16,
    answer: &mut Answer,
) -> Result<(), Failed> {
    let url = Url::parse(url)?;
    let stream = connect.connect(&url.host, url.port).await?;
    let mut conn = if url.is_tls {
        tls::handshake(stream, &url.host, connect.roots(true)?, &[]).await?
    } else {
        Conn::from(stream)
    };
    open(&mut conn, &url, answer).await?;
    for frame in frames {
        conn.send_and_fill(&Frame::from(frame).encode(MASK)).await?;
        message(&mut conn, &mut answer.content).await?;
    }
    conn.send(&Frame::close(close).encode(MASK)).await?;
    while let Some(frame) = read_frame(&mut conn).await? {
        if frame.opcode == Opcode::Close {
            // The server ends the connection first (RFC 6455 §7.1.1).
            conn.drain().await;
            return Ok(());
        }
    }
    Err(Failed::new(Trouble::CutShort, "no close came"))
}

/// Shakes hands.
async fn open(conn: &mut Conn, url: &Url, answer: &mut Answer) -> Result<(), Failed> {
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: lab\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n",
        url.target, url.authority
    );
    conn.send(request.as_bytes()).await?;
    let Some(head) = read_head(conn).await? else {
        return Err(Failed::new(Trouble::CutShort, "no response"));
    };
    http1::take(&head, answer);
    // These are the programs' own, and the handshake's.
    answer.fields.clear();
    let is_accepted = head.field("sec-websocket-accept") == Some(&accept(KEY));
    if answer.status == Some(101) && is_accepted {
        Ok(())
    } else {
        Err(Failed::new(Trouble::Other, format!("no WebSocket: {}", head.first)))
    }
}

/// Awaits a message.
async fn message(conn: &mut Conn, to: &mut Vec<u8>) -> Result<(), Failed> {
    loop {
        let Some(frame) = read_frame(conn).await? else {
            return Err(Failed::new(Trouble::CutShort, "no message came"));
        };
        match frame.opcode {
            Opcode::Ping => {
                let pong = Frame { opcode: Opcode::Pong, ..frame };
                conn.send(&pong.encode(MASK)).await?;
            }
            Opcode::Pong => {}
            Opcode::Close => return Err(Failed::new(Trouble::CutShort, "closed early")),
            Opcode::Binary | Opcode::Continuation | Opcode::Text => {
                to.extend(&frame.payload);
                if frame.is_last {
                    return Ok(());
                }
            }
        }
    }
}
