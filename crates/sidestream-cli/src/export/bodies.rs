//! Bodies out of a session, within bounds.

use std::io::{self, Read};

use sidestream::coding::{self, DecodeError, Limits};
use sidestream::har::Recorded;
use sidestream::record::{Alteration, Change, Exchange, Fields, Part, SentBody};
use sidestream::store::ReadError;

use super::State;

/// How much of a body is held at once; what is beyond is left out of forms that hold bodies.
const HELD_BYTES: usize = 64 * 1024 * 1024;

/// The bodies of an exchange.
pub(super) struct Bodies<'a, 'b> {
    pub(super) state: &'a mut State<'b>,
    pub(super) exchange: &'a Exchange,
}

/// A body as it was recorded.
pub(super) struct Held {
    pub(super) bytes: Vec<u8>,
    /// How many bytes are missing: not recorded, or too many to be held.
    pub(super) missing: u64,
}

impl Bodies<'_, '_> {
    /// Returns a body as it went by.
    ///
    /// # Errors
    ///
    /// Whatever the storage says.
    pub(super) fn held(&mut self, part: Part) -> anyhow::Result<Held> {
        let mut stream = stream(self.state, self.exchange, part);
        let mut bytes = Vec::new();
        (&mut stream).take(HELD_BYTES as u64).read_to_end(&mut bytes)?;
        let missing = self.exchange.body(part).bytes.saturating_sub(bytes.len() as u64);
        Ok(Held { bytes, missing })
    }

    /// Returns a body as it went by; what is missing of it is told.
    ///
    /// # Errors
    ///
    /// Whatever the storage says.
    pub(super) fn whole(&mut self, part: Part) -> anyhow::Result<Vec<u8>> {
        let Held { bytes, missing } = self.held(part)?;
        if missing > 0 {
            let id = self.exchange.id;
            self.state.lack(format_args!("exchange {id}: {missing} bytes of the body are missing"));
        }
        Ok(bytes)
    }

    /// Returns a body without its content codings; what cannot be taken off, or is missing, is
    /// told, here and in the export.
    ///
    /// # Errors
    ///
    /// Whatever the storage says.
    pub(super) fn decoded(&mut self, part: Part) -> anyhow::Result<Recorded> {
        let Held { bytes, missing } = self.held(part)?;
        let id = self.exchange.id;
        let mut comment = None;
        if missing > 0 {
            let words = format!("{missing} bytes of the body are missing");
            self.state.lack(format_args!("exchange {id}: {words}"));
            comment = Some(words);
        }
        let content = match decode(self.fields(part), &bytes) {
            Ok(Some(content)) => content,
            Ok(None) => bytes,
            // Of a part no coding can be taken off, which is no news.
            Err(error) => {
                let words = format!("{error}, so it stands here as it was transferred");
                comment =
                    Some(comment.map_or_else(|| words.clone(), |comment| comment + "; " + &words));
                bytes
            }
        };
        Ok(Recorded { content, comment })
    }

    fn fields(&self, part: Part) -> Option<&Fields> {
        match part {
            Part::Request => self.exchange.request.as_ref().map(|head| &head.fields),
            Part::Response => self.exchange.response.as_ref().map(|head| &head.fields),
        }
    }
}

/// Takes content codings off: the one place that knows who does.
fn decode(fields: Option<&Fields>, body: &[u8]) -> Result<Option<Vec<u8>>, DecodeError> {
    let Some(codings) = fields.map(crate::codings::of).filter(|codings| !codings.is_empty()) else {
        return Ok(None);
    };
    coding::decode(&codings, body, Limits::up_to(HELD_BYTES as u64)).whole().map(Some)
}

/// Returns a body as a stream: that which a rule answered, or the recorded one without what was
/// dropped of it.
pub(super) fn stream<'a>(
    state: &State<'a>,
    exchange: &'a Exchange,
    part: Part,
) -> Box<dyn Read + 'a> {
    match answered(exchange).filter(|_| part == Part::Response) {
        Some(body) => Box::new(&body.beginning[..]),
        None => Box::new(Gapless(state.reader.body(exchange.id, part))),
    }
}

/// Returns the body that a rule gave in place of a server.
fn answered(exchange: &Exchange) -> Option<&SentBody> {
    exchange.alterations.iter().find_map(|alteration| match alteration {
        Alteration::Edited(edit) => match &edit.change {
            Change::Answered { body, .. } => Some(body),
            _ => None,
        },
        _ => None,
    })
}

/// Goes on behind what was dropped.
struct Gapless<R>(R);

impl<R: Read> Read for Gapless<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(buffer) {
                Err(error) if is_gap(&error) => {}
                read => return read,
            }
        }
    }
}

fn is_gap(error: &io::Error) -> bool {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<ReadError>());
    matches!(cause, Some(ReadError::Dropped { .. }))
}
