//! One peer's byte stream, through as many layers of TLS as it has.

use bytes::Bytes;
use sidestream_flow::Redacted;
use sidestream_record::Forwards;

use crate::deferred::{Inside, Reached};

use crate::tls::session::Session;

/// What came out of a leg.
#[derive(Debug)]
pub(crate) enum Arrived {
    Data(Bytes),
    Eof,
    Established,
    Failed(rustls::Error),
}

/// A peer's stream. The first session is the outermost: it is nearest to the wire.
#[derive(Debug, Default)]
pub(crate) struct Leg {
    sessions: Vec<Session>,
    waiting: Vec<Bytes>,
    /// The peer sends no more.
    pub(crate) eof: bool,
    /// We send no more.
    pub(crate) shut: bool,
    /// The connection is gone, or was never there.
    pub(crate) gone: bool,
    /// The peer is a proxy that takes requests for the server, and nothing else.
    pub(crate) forwards: Option<Forwards>,
    /// How it was reached, where other flows may go on with it.
    pub(crate) reached: Option<Box<Reached>>,
    /// With what TLS was begun on it, where other flows may go on with it.
    pub(crate) inside: Option<Box<Inside>>,
    /// Another flow left it, and nothing came on it since.
    pub(crate) reused: bool,
}

impl Leg {
    /// Makes the leg of a server that is not there yet.
    pub(crate) fn unopened() -> Self {
        Self { gone: true, ..Self::default() }
    }

    /// Lets go of what is kept for a connection that is over, or as good as over.
    pub(crate) fn forget(&mut self) {
        *self = Self { eof: self.eof, shut: self.shut, ..Self::unopened() };
    }

    /// Adds a layer of TLS inside those that are there.
    pub(crate) fn push(&mut self, session: Session) {
        // There is hardly ever more than one, and each is large.
        self.sessions.reserve_exact(1);
        self.sessions.push(session);
    }

    /// Returns the innermost layer of TLS.
    pub(crate) fn top(&self) -> Option<&Session> {
        self.sessions.last()
    }

    /// Returns the innermost layer of TLS, to be asked for what it tells once.
    pub(crate) fn top_mut(&mut self) -> Option<&mut Session> {
        self.sessions.last_mut()
    }

    /// Takes bytes from the wire.
    pub(crate) fn feed(&mut self, wire: Bytes, arrived: &mut Vec<Arrived>) {
        self.feed_level(0, wire, arrived);
    }

    /// Takes bytes that were plaintext until the innermost layer was added.
    pub(crate) fn feed_top(&mut self, bytes: Bytes, arrived: &mut Vec<Arrived>) {
        self.feed_level(self.sessions.len().saturating_sub(1), bytes, arrived);
    }

    fn feed_level(&mut self, level: usize, bytes: Bytes, arrived: &mut Vec<Arrived>) {
        let Some(session) = self.sessions.get_mut(level) else {
            if !bytes.is_empty() {
                arrived.push(Arrived::Data(bytes));
            }
            return;
        };
        let fed = session.feed(bytes);
        let innermost = level + 1 == self.sessions.len();
        if fed.established && innermost {
            arrived.push(Arrived::Established);
        }
        if !fed.plain.is_empty() {
            self.feed_level(level + 1, fed.plain.freeze(), arrived);
        }
        if fed.closed && innermost {
            arrived.push(Arrived::Eof);
        }
        if let Some(error) = fed.error {
            arrived.push(Arrived::Failed(error));
        }
    }

    /// Takes plaintext to be sent at the next [`flush`](Self::flush).
    pub(crate) fn write(&mut self, bytes: Bytes) {
        self.waiting.push(bytes);
    }

    /// Takes back what waits to be sent.
    pub(crate) fn take_waiting(&mut self) -> Vec<Bytes> {
        std::mem::take(&mut self.waiting)
    }

    /// Returns whether anything waits on the way in or out.
    pub(crate) fn is_busy(&self) -> bool {
        !self.waiting.is_empty() || self.sessions.iter().any(Session::is_busy)
    }

    /// Returns whether bytes go to the wire as they are.
    pub(crate) fn is_plain(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Returns whether the peer has ended and whether we have, of a plain connection that is
    /// there.
    pub(crate) fn halves(&self) -> Option<(bool, bool)> {
        (self.is_plain() && !self.gone).then_some((self.eof, self.shut))
    }

    /// Takes the keys that were agreed on since on any layer.
    pub(crate) fn take_keys(&mut self) -> Vec<Redacted<String>> {
        self.sessions.iter_mut().filter_map(Session::take_keys).collect()
    }

    /// Says on the innermost layer that no more will come.
    pub(crate) fn close_tls(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        if let Some(session) = self.sessions.last_mut() {
            session.write(&waiting);
            session.close();
        }
    }

    /// Encrypts what waits, and takes what is to be put on the wire.
    pub(crate) fn flush(&mut self) -> Bytes {
        let mut down = std::mem::take(&mut self.waiting);
        for session in self.sessions.iter_mut().rev() {
            session.write(&down);
            down = vec![session.take_wire()];
        }
        match down.len() {
            0 => Bytes::new(),
            1 => down.remove(0),
            _ => down.concat().into(),
        }
    }
}
