//! Hooks see, change, answer and end exchanges; what they do not want passes as it was sent.

mod http1;
mod http2;

use std::sync::Arc;

use sidestream_flow::{Peer, Transport};
use sidestream_proto::Config;
use sidestream_proto::hooks::{Asked, Interest, Limits, Want};
use sidestream_record::{Field, Fields, RequestHead, ResponseHead, Version};

use crate::play::{Ca, Play, config};

/// Wants that much of the exchanges whose URL holds a word.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wants {
    pub(crate) request: Want,
    pub(crate) response: Want,
    pub(crate) of: &'static str,
}

const HEADS: Wants = Wants { request: Want::Head, response: Want::Nothing, of: "" };
const REQUESTS: Wants = Wants { request: Want::Whole, ..HEADS };
const RESPONSES: Wants = Wants { request: Want::Nothing, response: Want::Whole, of: "" };

impl Interest for Wants {
    fn in_request(&self, request: &Asked) -> Want {
        if request.url.contains(self.of) { self.request } else { Want::Nothing }
    }

    fn in_response(&self, request: &Asked, _: &ResponseHead) -> Want {
        if request.url.contains(self.of) { self.response } else { Want::Nothing }
    }
}

fn play(wants: Wants) -> Play {
    play_to(wants, false)
}

/// A play of a client that speaks to its server, or else to a proxy.
fn play_to(wants: Wants, named: bool) -> Play {
    let hook_limits = Limits { body_bytes: 1000, connection_bytes: 2000 };
    let config = Config { hooks: Some(Arc::new(wants)), hook_limits, ..config(&Ca::new()) };
    let mut play = Play::with(config, Transport::Tcp, 80, named);
    if !named {
        play.open();
    }
    play
}

fn sent(play: &mut Play, peer: Peer) -> String {
    String::from_utf8(play.take_sent(peer)).unwrap()
}

fn fields(fields: &[(&'static str, &'static str)]) -> Fields {
    fields.iter().map(|(name, value)| Field::new(*name, *value)).collect()
}

fn response(status: u16, named: &[(&'static str, &'static str)]) -> ResponseHead {
    let (version, reason) = (Version::Http11, "Made".into());
    ResponseHead { version, status, reason, fields: fields(named) }
}

fn with_field(head: &RequestHead, name: &'static str, value: &'static str) -> RequestHead {
    let mut head = head.clone();
    head.fields.push(name, value);
    head
}
