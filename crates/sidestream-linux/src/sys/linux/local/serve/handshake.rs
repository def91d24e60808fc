//! The first messages, until the capture runs.

use std::time::Duration;

use sidestream_bpf::{Hooks, Knock, LoadOptions};
use sidestream_ipc::{Hello, Message, Start};
use sidestream_spec::Spec;
use tokio::time::timeout;

use super::super::channel::Receiver;
use super::outbox::Outbox;
use super::system;
use crate::{ServeError, ServeOptions};

/// How long each answer of the proxy may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What this program calls itself.
const PROGRAM: &str = concat!("sidestream-helper ", env!("CARGO_PKG_VERSION"));

/// Greets the proxy and learns what to capture.
pub(super) async fn greet(
    out: &mut Outbox,
    receiver: &mut Receiver,
) -> Result<(Spec, bool), ServeError> {
    out.push(&Message::Hello(Hello::new(PROGRAM)));
    out.flush().await.map_err(channel)?;
    match receive(receiver).await? {
        // Its version was compared as it was decoded.
        Message::Hello(hello) => tracing::debug!(program = hello.program, "the proxy is there"),
        other => return Err(out_of_turn(&other)),
    }
    match receive(receiver).await? {
        Message::Start(Start { spec, reset_existing }) => Ok((spec.parse()?, reset_existing)),
        other => Err(out_of_turn(&other)),
    }
}

/// Loads the hooks, which leave this process and the proxy alone from the first.
pub(super) async fn load(
    out: &mut Outbox,
    receiver: &mut Receiver,
    options: &ServeOptions,
    proxy: Option<u32>,
) -> Result<Hooks, ServeError> {
    let mut load = LoadOptions::default();
    load.uid = (!options.all_users).then_some(options.uid);
    let hooks = Hooks::load(&load)?;
    let knock = Knock::random();
    hooks.expect_knock(knock).map_err(system("wait for a knock"))?;
    out.push(&Message::Knock(knock.addr()));
    out.flush().await.map_err(channel)?;
    match receive(receiver).await? {
        Message::Knocked => {}
        other => return Err(out_of_turn(&other)),
    }
    let knocked = hooks.knocked().map_err(system("learn who knocked"))?;
    match (knocked.ok_or(ServeError::NoKnock)?, proxy) {
        (knocked, Some(expected)) if knocked != expected => {
            Err(ServeError::Knock { expected, knocked })
        }
        _ => Ok(hooks),
    }
}

async fn receive(receiver: &mut Receiver) -> Result<Message, ServeError> {
    loop {
        let Ok(received) = timeout(PATIENCE, receiver.receive()).await else {
            return Err(ServeError::Silent { seconds: PATIENCE.as_secs() });
        };
        let Some((message, _no_descriptors)) = received.map_err(channel)? else {
            return Err(ServeError::HungUp);
        };
        match message {
            Message::Beat => {}
            Message::Stop => return Err(ServeError::HungUp),
            message => return Ok(message),
        }
    }
}

pub(super) fn channel(error: super::super::channel::ChannelError) -> ServeError {
    ServeError::Channel(Box::new(error))
}

pub(super) fn out_of_turn(message: &Message) -> ServeError {
    ServeError::OutOfTurn { message: message.name() }
}
