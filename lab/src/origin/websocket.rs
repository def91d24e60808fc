//! A WebSocket server that sends everything back.

use std::io;

use super::Record;
use crate::wire::Conn;
use crate::wire::http1::read_head;
use crate::wire::websocket::{Frame, Opcode, accept, read_frame};

/// Answers the handshake, then every message, and last the close.
pub(super) async fn serve(mut conn: Conn, record: &Record) {
    _ = converse(&mut conn, record).await;
    _ = conn.end().await;
    conn.drain().await;
}

async fn converse(conn: &mut Conn, record: &Record) -> io::Result<()> {
    let Some(head) = read_head(conn).await? else { return Ok(()) };
    record.line(head.first.clone());
    let Some(key) = head.field("sec-websocket-key") else {
        let length = "Content-Length: 0";
        let refusal =
            format!("HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\n{length}\r\n\r\n");
        return conn.send(refusal.as_bytes()).await;
    };
    let switch = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        accept(key)
    );
    conn.send(switch.as_bytes()).await?;
    record.counts_content();
    while let Some(frame) = read_frame(conn).await? {
        let answer = match frame.opcode {
            Opcode::Ping => Frame { opcode: Opcode::Pong, ..frame },
            Opcode::Pong => continue,
            Opcode::Close => {
                conn.send(&frame.encode(None)).await?;
                return Ok(());
            }
            Opcode::Binary | Opcode::Continuation | Opcode::Text => {
                record.content(frame.payload.len(), frame.payload.len());
                frame
            }
        };
        conn.send(&answer.encode(None)).await?;
    }
    Ok(())
}
