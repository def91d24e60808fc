//! Codings over each other, taken off as the bytes arrive.

use crate::codings::{Codings, MAX_CODINGS};
use crate::error::DecodeError;
use crate::limits::Limits;
use crate::stage::Stage;

/// Decodes a body as it arrives; without a coding it hands on what it gets.
///
/// What comes out does not depend on how the body was cut into pieces. Only where
/// [`Limits::ratio`] ends it, the place does.
#[derive(Debug)]
pub struct Decoder {
    layers: Vec<Layer>,
    limits: Limits,
    taken: u64,
    ended: Option<DecodeError>,
}

#[derive(Debug)]
struct Layer {
    stage: Stage,
    made: u64,
    /// An empty body is no broken one.
    fed: bool,
}

/// What every layer is held to.
#[derive(Clone, Copy)]
struct Bounds {
    limits: Limits,
    taken: u64,
}

impl Decoder {
    /// Decodes a body of these codings.
    ///
    /// # Errors
    ///
    /// A coding is not known, or there are too many.
    pub fn new(codings: &Codings, limits: Limits) -> Result<Self, DecodeError> {
        if codings.len() > MAX_CODINGS {
            return Err(DecodeError::TooMany { codings: codings.len(), most: MAX_CODINGS });
        }
        let layer = |coding| Ok(Layer { stage: Stage::new(coding, limits)?, made: 0, fed: false });
        let layers = codings.iter().rev().map(layer).collect::<Result<_, DecodeError>>()?;
        Ok(Self { layers, limits, taken: 0, ended: None })
    }

    /// Takes the next bytes of the body, and hands out what they decode to, in pieces of 32 KiB
    /// at most.
    ///
    /// # Errors
    ///
    /// The body is broken, or a limit is reached. What was decoded before has been handed out;
    /// whatever is pushed afterwards is not looked at, and gets the same error.
    pub fn push(&mut self, bytes: &[u8], sink: &mut dyn FnMut(&[u8])) -> Result<(), DecodeError> {
        if let Some(error) = &self.ended {
            return Err(error.clone());
        }
        self.taken += bytes.len() as u64;
        let bounds = Bounds { limits: self.limits, taken: self.taken };
        let pushed = if self.layers.is_empty() {
            hand_on(bytes, &mut (self.taken - bytes.len() as u64), self.limits, sink)
        } else {
            feed(&mut self.layers, bytes, bounds, sink)
        };
        pushed.or_else(|error| self.end(error, sink))
    }

    /// Says that the body is at its end.
    ///
    /// # Errors
    ///
    /// The coding is not at its end: the body is cut short. What there is has been handed out.
    pub fn finish(&mut self, sink: &mut dyn FnMut(&[u8])) -> Result<(), DecodeError> {
        if let Some(error) = &self.ended {
            return Err(error.clone());
        }
        self.drain(sink).or_else(|error| self.end(error, sink))
    }

    /// Returns how many bytes it has handed out.
    pub fn decoded_bytes(&self) -> u64 {
        let plain = self.taken.min(self.limits.output_bytes);
        self.layers.last().map_or(plain, |layer| layer.made)
    }

    /// Ends the decoding, with what the layers still hold.
    fn end(&mut self, error: DecodeError, sink: &mut dyn FnMut(&[u8])) -> Result<(), DecodeError> {
        self.ended = Some(error.clone());
        if !matches!(error, DecodeError::TooLong { .. } | DecodeError::Ratio { .. }) {
            // The first error is the one to tell.
            self.drain(sink).ok();
        }
        Err(error)
    }

    fn drain(&mut self, sink: &mut dyn FnMut(&[u8])) -> Result<(), DecodeError> {
        let bounds = Bounds { limits: self.limits, taken: self.taken };
        let mut first = Ok(());
        for at in 0..self.layers.len() {
            let [layer, rest @ ..] = &mut self.layers[at..] else { break };
            if !layer.fed {
                continue;
            }
            let Layer { stage, made, .. } = layer;
            let finished = stage.finish(&mut |piece| pass(piece, made, rest, bounds, sink));
            first = first.and(finished);
        }
        first
    }
}

/// Gives bytes to the first of the layers, and what it makes of them to the rest.
fn feed(
    layers: &mut [Layer],
    bytes: &[u8],
    bounds: Bounds,
    sink: &mut dyn FnMut(&[u8]),
) -> Result<(), DecodeError> {
    let [layer, rest @ ..] = layers else {
        sink(bytes);
        return Ok(());
    };
    if bytes.is_empty() {
        return Ok(());
    }
    layer.fed = true;
    let Layer { stage, made, .. } = layer;
    stage.push(bytes, &mut |piece| pass(piece, made, rest, bounds, sink))
}

/// Hands a piece on that a layer made, if it may make so much.
fn pass(
    piece: &[u8],
    made: &mut u64,
    rest: &mut [Layer],
    bounds: Bounds,
    sink: &mut dyn FnMut(&[u8]),
) -> Result<(), DecodeError> {
    let Bounds { limits, taken } = bounds;
    let mut error = DecodeError::TooLong { most: limits.output_bytes };
    let mut most = limits.output_bytes;
    if !rest.is_empty() {
        // What is still coded may be longer than what little comes out at the end.
        most = most.max(Limits::FREE_BYTES);
    }
    if let Some(ratio) = limits.ratio {
        let by_ratio = taken.saturating_mul(ratio).max(Limits::FREE_BYTES);
        if by_ratio < most {
            most = by_ratio;
            error = DecodeError::Ratio { most: ratio };
        }
    }
    let left = usize::try_from(most - (*made).min(most)).unwrap_or(usize::MAX);
    let allowed = &piece[..piece.len().min(left)];
    *made += allowed.len() as u64;
    if !allowed.is_empty() {
        feed(rest, allowed, bounds, sink)?;
    }
    if allowed.len() == piece.len() { Ok(()) } else { Err(error) }
}

/// What has no coding is bounded all the same.
fn hand_on(
    bytes: &[u8],
    before: &mut u64,
    limits: Limits,
    sink: &mut dyn FnMut(&[u8]),
) -> Result<(), DecodeError> {
    let bounds = Bounds { limits: Limits { ratio: None, ..limits }, taken: 0 };
    pass(bytes, before, &mut [], bounds, sink)
}
