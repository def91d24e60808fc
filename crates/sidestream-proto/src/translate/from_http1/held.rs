//! What hooks see and change of an exchange's response.

use bytes::{Bytes, BytesMut};
use sidestream_record::{Change, ResponseHead, SentBody, Version};

use super::flight::{Flight, Piece as Answer};
use super::hooked::NO_STREAM;
use super::requests::Ready;
use crate::cx::Cx;
use crate::hooks;
use crate::http1::{self, Framing};

impl Flight {
    /// Makes one of a request that goes to no server of HTTP/2.
    pub(super) fn aside(ready: &Ready) -> Self {
        let head = &ready.head;
        let mut flight = Self::new(ready.id, NO_STREAM, head.method.clone(), head.version);
        flight.seen.clone_from(&ready.seen);
        flight.persists =
            head.version > Version::Http10 && http1::persists(head.version, &head.fields);
        flight.aside = true;
        flight
    }

    /// Returns the final head of the response that waits.
    pub(super) fn head(&self) -> Option<&ResponseHead> {
        self.pending.iter().find_map(|piece| match piece {
            Answer::Head(head, _) if !head.is_interim() => Some(head),
            _ => None,
        })
    }

    /// Returns how much of the body waits.
    pub(super) fn bytes(&self) -> usize {
        let bytes = |piece: &Answer| match piece {
            Answer::Data(bytes) => bytes.len(),
            _ => 0,
        };
        self.pending.iter().map(bytes).sum()
    }

    /// Returns what waits of the body.
    pub(super) fn content(&self) -> Bytes {
        let mut content = BytesMut::new();
        for piece in &self.pending {
            if let Answer::Data(bytes) = piece {
                content.extend_from_slice(bytes);
            }
        }
        content.freeze()
    }

    /// Changes the response that waits as a hook says.
    pub(super) fn change(
        &mut self,
        by: &str,
        head: ResponseHead,
        body: Option<Bytes>,
        cx: &mut Cx,
    ) -> Result<(), &'static str> {
        let Some(original) = self.head().cloned() else { return Ok(()) };
        let bodiless = self.method == b"HEAD"[..] || matches!(original.status, 204 | 304);
        let body = body.filter(|_| self.whole && !bodiless);
        let framing = Framing::UntilClose;
        let head = hooks::reframed_response(&original, head, &self.method, framing, body.as_ref())?;
        let sent = body.as_ref().map(SentBody::of);
        cx.edited(self.id, by, Change::Response { head: head.clone(), body: sent });
        let final_head = |it: &Answer| matches!(it, Answer::Head(head, _) if !head.is_interim());
        let Some(at) = self.pending.iter().position(final_head) else { return Ok(()) };
        let Some(body) = body else {
            if let Answer::Head(old, _) = &mut self.pending[at] {
                *old = head;
            }
            return Ok(());
        };
        self.pending.retain(|it| !matches!(it, Answer::Data(_) | Answer::End));
        let trailers = self.pending.iter().any(|it| matches!(it, Answer::Trailers(_)));
        let end = body.is_empty() && !trailers;
        self.pending[at] = Answer::Head(head, end);
        if !end && !trailers {
            self.pending.insert(at + 1, Answer::End);
        }
        if !body.is_empty() {
            self.pending.insert(at + 1, Answer::Data(BytesMut::from(&body[..])));
        }
        Ok(())
    }
}
