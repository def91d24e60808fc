//! WebSocket.

use anyhow::Result;

use super::{HERE, PLAIN, TALKER, stage};
use crate::lab::Lab;
use crate::model::{Ask, Serve, ServeTls, Service, WsFrame};
use crate::scenario::Scenario;

pub(crate) const GROUP: &[Scenario] = &[
    Scenario {
        name: "websocket/echo",
        shows: "messages both ways, and the end",
        grounds: HERE,
        run: |lab| {
            let frames = vec![WsFrame::Text("hello".into()), WsFrame::Binary(vec![0, 1, 2, 255])];
            talk(lab, None, frames, 1000)
        },
        ..PLAIN
    },
    Scenario {
        name: "websocket/over-tls",
        shows: "the same inside of TLS",
        run: |lab| talk(lab, Some(ServeTls::Good), vec![WsFrame::Text("secret".into())], 1000),
        ..PLAIN
    },
    Scenario {
        name: "websocket/close-code",
        shows: "a code of the client's own reaches the server",
        run: |lab| talk(lab, None, vec![WsFrame::Text("enough".into())], 4001),
        ..PLAIN
    },
    Scenario {
        name: "websocket/long-message",
        shows: "a message longer than a frame's short lengths",
        run: |lab| talk(lab, None, vec![WsFrame::Binary(vec![7; 70_000])], 1000),
        ..PLAIN
    },
];

fn talk(lab: &mut Lab, tls: Option<ServeTls>, frames: Vec<WsFrame>, close: u16) -> Result<()> {
    let (scheme, port) = if tls.is_some() { ("wss", 443) } else { ("ws", 80) };
    stage(lab, Serve { port, service: Service::WebSocket, tls })?;
    let url = format!("{scheme}://origin/chat");
    lab.ask("app", &Ask::WebSocket { by: TALKER, url, frames, close }).map(drop)
}
