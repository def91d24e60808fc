//! HTTP/2.

use anyhow::Result;

use super::{ALL_DRIVERS, HERE, PLAIN, TOLD, http, https, stage};
use crate::lab::Lab;
use crate::model::{Ask, HttpAsk, Serve, ServeHttp, ServeTls};
use crate::scenario::Scenario;

pub(crate) const GROUP: &[Scenario] = &[
    Scenario {
        name: "http2/get",
        shows: "HTTP/2 where both ends agree on it in TLS",
        drivers: ALL_DRIVERS,
        apart: TOLD,
        grounds: HERE,
        run: |lab| ask(lab, secure(ServeHttp::default()), HttpAsk::get("https://origin/h2")),
        ..PLAIN
    },
    Scenario {
        name: "http2/prior-knowledge",
        shows: "HTTP/2 without TLS, by the client's preface",
        run: |lab| ask(lab, http(ServeHttp::default()), HttpAsk::get("http://origin/preface")),
        ..PLAIN
    },
    Scenario {
        name: "http2/post",
        shows: "content goes up whole",
        run: |lab| {
            let body = Some(b"sent up".repeat(10_000));
            let post = HttpAsk { method: "POST".into(), body, ..HttpAsk::get("https://origin/up") };
            ask(lab, secure(ServeHttp { status: 201, ..ServeHttp::default() }), post)
        },
        ..PLAIN
    },
    Scenario {
        name: "http2/much",
        shows: "more content than a window takes at once",
        run: |lab| {
            let much =
                ServeHttp { body: b"0123456789abcdef".repeat(32_768), ..ServeHttp::default() };
            ask(lab, secure(much), HttpAsk::get("https://origin/much"))
        },
        ..PLAIN
    },
    Scenario {
        name: "http2/refused-by-client",
        shows: "a server that could speak HTTP/2 to a client that does not want it",
        run: |lab| {
            stage(lab, secure(ServeHttp::default()))?;
            lab.get("app", "https://origin/h1").map(drop)
        },
        ..PLAIN
    },
];

const fn secure(http: ServeHttp) -> Serve {
    https(http, ServeTls::Good)
}

fn ask(lab: &mut Lab, serve: Serve, ask: HttpAsk) -> Result<()> {
    stage(lab, serve)?;
    lab.ask("app", &Ask::Http(HttpAsk { http2: true, ..ask })).map(drop)
}
