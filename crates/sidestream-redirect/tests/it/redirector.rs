//! A redirector that says what a test has it say.

use sidestream_ipc::{Decoder, Hello, Message, Started, encode};
use sidestream_redirect::{Options, Redirector, StartError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

/// The redirector's end of a stream.
pub(crate) struct Fake {
    stream: DuplexStream,
    decoder: Decoder,
}

pub(crate) const STARTED: Started = Started { ipv6: true, udp: true, all_users: true };

pub(crate) fn options() -> Options {
    Options { spec: "curl".parse().unwrap(), reset_existing: true }
}

impl Fake {
    pub(crate) fn new(stream: DuplexStream) -> Self {
        Self { stream, decoder: Decoder::new() }
    }

    pub(crate) async fn say(&mut self, message: &Message) {
        let mut bytes = Vec::new();
        encode(message, &mut bytes).unwrap();
        self.say_bytes(&bytes).await;
    }

    pub(crate) async fn say_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Hears all that is said, signs of life too; `None` at the end.
    pub(crate) async fn hear_any(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.decoder.poll_message().unwrap() {
                return Some(message);
            }
            let mut buf = [0; 4096];
            match self.stream.read(&mut buf).await {
                Ok(len) if len > 0 => self.decoder.feed(&buf[..len]),
                _ => return None,
            }
        }
    }

    /// Hears what is said beside signs of life.
    pub(crate) async fn hear(&mut self) -> Option<Message> {
        loop {
            match self.hear_any().await {
                Some(Message::Beat) => {}
                other => return other,
            }
        }
    }

    /// Greets, and hears what is to be captured.
    pub(crate) async fn greet(&mut self) -> Message {
        assert!(matches!(self.hear().await, Some(Message::Hello(_))));
        self.say(&Message::Hello(Hello::new("fake 1.0"))).await;
        self.hear().await.unwrap()
    }
}

/// Starts, over a stream that holds so many bytes, with what the fake does meanwhile.
pub(crate) async fn meet(
    room: usize,
    meanwhile: impl AsyncFnOnce(&mut Fake),
) -> (Result<Redirector, StartError>, Fake) {
    let (ours, theirs) = duplex(room);
    let mut fake = Fake::new(theirs);
    let (started, ()) = tokio::join!(Redirector::start(ours, options()), meanwhile(&mut fake));
    (started, fake)
}

/// Starts well.
pub(crate) async fn started(room: usize) -> (Redirector, Fake) {
    let (started, fake) = meet(room, async |fake: &mut Fake| {
        fake.greet().await;
        fake.say(&Message::Started(STARTED)).await;
    })
    .await;
    (started.unwrap(), fake)
}
