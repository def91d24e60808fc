//! Conversations of HTTP/1 made up at random, odd but sound.

use proptest::prelude::*;
use proptest::sample::select;

/// What a client says, what its server answers, and how many exchanges that are.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    pub(crate) client: Vec<u8>,
    pub(crate) server: Vec<u8>,
    pub(crate) exchanges: usize,
}

/// A body on the wire, and the field that frames it.
#[derive(Clone, Debug, Default)]
struct Framed {
    field: String,
    wire: Vec<u8>,
}

fn blank() -> impl Strategy<Value = &'static str> {
    select(vec!["", " ", "  ", "\t", " \t "])
}

/// Fields that frame nothing, in any case, with any white space, some of them alike.
fn fields() -> impl Strategy<Value = String> {
    let name = select(vec!["X-A", "x-a", "X-a", "Date", "COOKIE", "set-cookie", "a!#$%&'*+.^`|~9"]);
    let value = "[!-~]{0,12}|[!-~]{1,5}[ \t][!-~é]{1,5}";
    let field = (name, blank(), value, blank());
    prop::collection::vec(field, 0..6).prop_map(|fields| {
        let lines = fields.iter().map(|(name, a, value, b)| format!("{name}:{a}{value}{b}\r\n"));
        lines.collect()
    })
}

fn chunk() -> impl Strategy<Value = Vec<u8>> {
    let extension = select(vec!["", ";a", ";a=b", "; a = \"b\\\";c\"", " "]);
    let content = prop::collection::vec(any::<u8>(), 1..40);
    (0..4_usize, any::<bool>(), extension, content).prop_map(
        |(zeros, upper, extension, content)| {
            let size = content.len();
            let size = if upper { format!("{size:X}") } else { format!("{size:x}") };
            let line = format!("{}{size}{extension}\r\n", "0".repeat(zeros));
            [line.as_bytes(), &content, b"\r\n"].concat()
        },
    )
}

fn framed() -> impl Strategy<Value = Framed> {
    let length = prop::collection::vec(any::<u8>(), 0..60).prop_map(|wire| {
        let field = format!("cONTENT-Length:{}\r\n", wire.len());
        Framed { field, wire }
    });
    let chunked =
        (prop::collection::vec(chunk(), 0..5), fields()).prop_map(|(chunks, trailers)| {
            let end = format!("0;end\r\n{trailers}\r\n");
            let wire = [&chunks.concat()[..], end.as_bytes()].concat();
            Framed { field: "Transfer-ENCODING: Chunked\r\n".into(), wire }
        });
    prop_oneof![length, chunked]
}

fn request() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    let method = select(vec!["GET", "POST", "HEAD", "OPTIONS", "BREW", "get"]);
    let target = "/[!-~]{0,10}".prop_map(|target| target.replace('#', "_"));
    (method, target, fields(), fields(), prop::option::of(framed())).prop_map(
        |(method, target, before, behind, body)| {
            let Framed { field, wire } = body.unwrap_or_default();
            let head = format!(
                "{method} {target} HTTP/1.1\r\n{before}Host: a.test\r\n{field}{behind}\r\n"
            );
            (method, [head.as_bytes(), &wire].concat())
        },
    )
}

/// A response with its interim ones before it; without content if it may have none.
fn response(bodiless: bool) -> impl Strategy<Value = Vec<u8>> {
    let interim = select(vec!["100 Continue", "102 ", "103 Early Hints"]);
    let interim = prop::collection::vec((interim, fields()), 0..3);
    let status = select(vec!["200 OK", "204 ", "304", "404 Nope  nope", "299 \t!", "500 "]);
    (interim, status, fields(), fields(), framed()).prop_map(
        move |(interim, status, before, behind, body)| {
            let heads =
                interim.iter().map(|(status, fields)| format!("HTTP/1.1 {status}\r\n{fields}\r\n"));
            let none = bodiless || status.starts_with("204") || status.starts_with("304");
            let field = if status.starts_with("204") { "" } else { &body.field };
            let heads = heads.collect::<String>();
            let head = format!("{heads}HTTP/1.1 {status}\r\n{before}{field}{behind}\r\n");
            let wire = if none { &[][..] } else { &body.wire };
            [head.as_bytes(), wire].concat()
        },
    )
}

/// A few exchanges on one connection.
pub(crate) fn talk() -> impl Strategy<Value = Talk> {
    let exchange = request().prop_flat_map(|(method, asks)| {
        response(method == "HEAD").prop_map(move |answers| (asks.clone(), answers))
    });
    prop::collection::vec(exchange, 1..6).prop_map(|talk| {
        let exchanges = talk.len();
        let (client, server): (Vec<_>, Vec<_>) = talk.into_iter().unzip();
        Talk { client: client.concat(), server: server.concat(), exchanges }
    })
}
