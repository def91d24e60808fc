//! TCP that speaks no protocol we know, and the ways in which connections end.

use std::time::Duration;

use anyhow::Result;

use super::{BOTH, EVERYWHERE, HERE, KERNELS, PLAIN, REFUSED, TALKER, other, stage};
use crate::lab::Lab;
use crate::model::{Ask, Service, Step};
use crate::scenario::Scenario;

pub(crate) const GROUP: &[Scenario] = &[
    Scenario {
        name: "raw/half-close",
        shows: "the client ends its side, and the server goes on",
        families: BOTH,
        grounds: EVERYWHERE,
        run: |lab| {
            let late =
                vec![Step::AwaitEnd, Step::Send(b"answer after the end".to_vec()), Step::End];
            let ask = vec![Step::Send(b"all I have".to_vec()), Step::End, Step::AwaitEnd];
            talk(lab, Service::Tcp(late), ask)
        },
        ..PLAIN
    },
    Scenario {
        name: "raw/server-ends-first",
        shows: "the server ends its side, and the client goes on",
        run: |lab| {
            let serve = vec![Step::Send(b"last words".to_vec()), Step::End, Step::AwaitEnd];
            let ask = vec![Step::AwaitEnd, Step::Send(b"after your end".to_vec()), Step::End];
            talk(lab, Service::Tcp(serve), ask)
        },
        ..PLAIN
    },
    Scenario {
        name: "raw/server-first",
        shows: "a server that greets before the client says a word",
        run: |lab| {
            let serve = vec![Step::Send(b"* hello\n".to_vec()), Step::Await(4), Step::End];
            let ask = vec![Step::Await(8), Step::Send(b"bye\n".to_vec()), Step::AwaitEnd];
            talk(lab, Service::Tcp(serve), ask)
        },
        ..PLAIN
    },
    Scenario {
        name: "raw/reset-by-server",
        shows: "a server that resets in the middle",
        grounds: HERE,
        run: |lab| {
            let serve = vec![Step::Await(5), Step::Send(b"half".to_vec()), Step::Reset];
            let ask = vec![Step::Send(b"hello".to_vec()), Step::AwaitEnd];
            talk(lab, Service::Tcp(serve), ask)
        },
        ..PLAIN
    },
    Scenario {
        name: "raw/reset-by-client",
        shows: "a client that resets in the middle",
        run: |lab| {
            let serve = vec![Step::Send(b"hello".to_vec()), Step::AwaitEnd];
            let ask = vec![Step::Await(5), Step::Send(b"half".to_vec()), Step::Reset];
            talk(lab, Service::Tcp(serve), ask)
        },
        ..PLAIN
    },
    Scenario {
        name: "raw/refused",
        shows: "a port where nobody listens: the kernel has accepted before that is known",
        families: BOTH,
        grounds: KERNELS,
        apart: REFUSED,
        run: |lab| talk(lab, Service::Refuse, vec![Step::Send(b"hello".to_vec()), Step::AwaitEnd]),
        ..PLAIN
    },
    Scenario {
        name: "raw/much",
        shows: "megabytes both ways at once, to the byte",
        run: |lab| {
            let each = 4 << 20;
            let serve = vec![Step::SendMany(each), Step::Await(each), Step::End];
            let ask = vec![Step::SendMany(each), Step::Await(each), Step::End, Step::AwaitEnd];
            talk(lab, Service::Tcp(serve), ask)
        },
        ..PLAIN
    },
    Scenario {
        name: "raw/pauses",
        shows: "a conversation that rests in between",
        run: |lab| {
            let pause = Step::Pause(Duration::from_millis(300));
            let ask = vec![
                Step::Send(b"one".to_vec()),
                Step::Await(3),
                pause,
                Step::Send(b"two".to_vec()),
                Step::Await(6),
                Step::End,
                Step::AwaitEnd,
            ];
            talk(lab, Service::Echo, ask)
        },
        ..PLAIN
    },
];

fn talk(lab: &mut Lab, service: Service, steps: Vec<Step>) -> Result<()> {
    stage(lab, other(service))?;
    lab.ask("app", &Ask::Tcp { by: TALKER, host: "origin".into(), port: 7000, steps }).map(drop)
}
