//! HTTP/2 between one client and one server, passed as sent and read on the way.
//!
//! Nothing is answered, delayed or encoded anew here: settings, windows, priorities, pings, resets
//! and the state of the field compression are those of the two peers. So no stream can stop
//! another one that the peers would not stop themselves, and a flood has nowhere to pile up.

mod advice;
mod half;
pub(crate) mod head;
pub(crate) mod socket;
mod streams;

use bytes::BytesMut;
use sidestream_flow::{ExchangeId, Peer};
use sidestream_record::{Advised, Event, Failure, Protocol};

use crate::cx::Cx;
use crate::http2::{ErrorCode, Flags, FrameHead, Kind};
use crate::layer::{Layer, Next, Told};
use crate::multiplexed::half::{Fact, Fault, Half};
use crate::multiplexed::streams::Streams;
use crate::raw::Raw;

pub(crate) struct Multiplexed {
    server: u32,
    client_half: Half,
    server_half: Half,
    streams: Streams,
    /// Why a peer said that it is going away, if something was wrong.
    gone_away: Option<Failure>,
    stopping: Stopping,
}

/// Whether the user wants to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopping {
    No,
    /// The client is to be told as soon as the server is between two frames.
    Asked,
    Told,
}

impl Multiplexed {
    pub(crate) fn new(server: u32, secure: bool, cx: &mut Cx) -> Self {
        cx.event(Event::Recognized(Protocol::Http2));
        Self {
            server,
            client_half: Half::client(cx.config.http2),
            server_half: Half::server(cx.config.http2),
            streams: Streams::new(secure),
            gone_away: None,
            stopping: Stopping::No,
        }
    }

    /// A connection that was HTTP/1.1 until an upgrade (RFC 7540 §3.2): the first stream is the
    /// exchange that asked for it.
    pub(crate) fn upgraded(server: u32, exchange: ExchangeId, cx: &mut Cx) -> Self {
        let mut layer = Self::new(server, false, cx);
        layer.streams.adopt(exchange);
        // The client's first settings are in a field of that request. What they allow at most is
        // bounded here, and the server does not go beyond what they say.
        layer.server_half.announce(u32::MAX);
        layer
    }

    pub(crate) fn handle(&mut self, told: Told, cx: &mut Cx) -> Next {
        match told {
            Told::Data(peer, bytes) => {
                cx.send(self.other(peer), bytes.clone());
                self.half(peer).feed(bytes);
                if let Err(fault) = self.read(peer, cx) {
                    return self.pass_raw(peer, fault, cx);
                }
            }
            Told::Eof(peer, clean) => return self.ended(peer, clean, cx),
            Told::Reset(peer) => return Next::Fail(Failure::Reset(peer)),
            Told::TlsFailed(peer, error) => {
                return Next::Fail(Failure::Tls { peer, reason: error.to_string() });
            }
            Told::OpenFailed(_, failure) => return Next::Fail(Failure::Dial(failure)),
            Told::Stop => self.stopping = Stopping::Asked,
            Told::Established(_)
            | Told::Expired(_)
            | Told::Leaf(_)
            | Told::Opened(_)
            | Told::Resumed(_)
            | Told::MessageVerdict(..)
            | Told::Verdict(..) => {}
        }
        self.stop(cx)
    }

    const fn half(&mut self, peer: Peer) -> &mut Half {
        match peer {
            Peer::Client => &mut self.client_half,
            Peer::Server(_) => &mut self.server_half,
        }
    }

    const fn other(&self, peer: Peer) -> Peer {
        match peer {
            Peer::Client => Peer::Server(self.server),
            Peer::Server(_) => Peer::Client,
        }
    }

    /// Reads what a peer sent as far as it goes.
    fn read(&mut self, peer: Peer, cx: &mut Cx) -> Result<(), Fault> {
        while let Some(fact) = self.half(peer).poll()? {
            match fact {
                Fact::Advice { stream, advice: Ok(advice) } => {
                    self.streams.advised(stream, Advised { from: peer, advice }, cx);
                }
                Fact::Advice { advice: Err(malformed), .. } => {
                    self.streams.ill_advised(peer, malformed, cx);
                }
                Fact::Data { stream, data, end } => self.streams.data(peer, stream, data, end, cx),
                Fact::GoAway { last, code } => self.goes_away(peer, last, code, cx),
                Fact::Head { stream, fields, end } => match peer {
                    Peer::Client => self.streams.client_head(stream, fields, end, cx)?,
                    Peer::Server(_) => self.streams.server_head(peer, stream, fields, end, cx)?,
                },
                Fact::Promise { promised, fields } => self.streams.promise(promised, fields, cx)?,
                Fact::Reset { stream, code } => self.streams.reset(peer, stream, code, cx),
                Fact::TableSize(bytes) => match peer {
                    Peer::Client => self.server_half.announce(bytes),
                    Peer::Server(_) => self.client_half.announce(bytes),
                },
            }
        }
        Ok(())
    }

    fn goes_away(&mut self, peer: Peer, last: u32, code: ErrorCode, cx: &mut Cx) {
        let failure = Failure::GoneAway { peer, code: code.0 };
        if peer != Peer::Client {
            self.streams.refuse_beyond(last, &failure, cx);
        }
        if code != ErrorCode::NO_ERROR {
            self.gone_away.get_or_insert(failure);
        }
    }

    /// Says once that no new stream will be taken, and ends when those that are open have.
    fn stop(&mut self, cx: &mut Cx) -> Next {
        if self.stopping == Stopping::Asked && self.server_half.is_between_frames() {
            // The highest number leaves out nothing that is on its way (RFC 9113 §6.8).
            let mut frame = BytesMut::new();
            FrameHead::new(Kind::GOAWAY, Flags::default(), 0, 8).encode(&mut frame);
            frame.extend_from_slice(&0x7fff_ffff_u32.to_be_bytes());
            frame.extend_from_slice(&ErrorCode::NO_ERROR.0.to_be_bytes());
            cx.send(Peer::Client, frame.freeze());
            self.stopping = Stopping::Told;
        }
        if self.stopping == Stopping::Told && self.streams.is_empty() {
            cx.shutdown(Peer::Client, true);
            cx.shutdown(Peer::Server(self.server), true);
            return Next::Finish;
        }
        Next::Stay
    }

    fn ended(&mut self, peer: Peer, clean: bool, cx: &mut Cx) -> Next {
        cx.shutdown(self.other(peer), clean);
        self.half(peer).ended = Some(clean);
        if peer != Peer::Client {
            self.end(Some(&Failure::CutShort { peer, missing: None }), cx);
        }
        if self.client_half.ended.is_none() || self.server_half.ended.is_none() {
            return Next::Stay;
        }
        match self.gone_away.take() {
            Some(failure) => Next::Fail(failure),
            None => Next::Finish,
        }
    }

    /// Passes on both sides what follows what cannot be read: all before it went as it came.
    fn pass_raw(&mut self, peer: Peer, fault: Fault, cx: &mut Cx) -> Next {
        cx.event(Event::Defect { exchange: None, from: peer, what: fault.to_string() });
        self.end(Some(&fault.failure(peer)), cx);
        let ended = [
            self.client_half.ended.map(|clean| Told::Eof(Peer::Client, clean)),
            self.server_half.ended.map(|clean| Told::Eof(Peer::Server(self.server), clean)),
        ];
        let raw = Layer::Raw(Raw::new(self.server, cx));
        Next::become_with(raw, ended.into_iter().flatten().collect())
    }

    /// Ends all exchanges that are under way.
    pub(crate) fn end(&mut self, failure: Option<&Failure>, cx: &mut Cx) {
        let cut = Failure::CutShort { peer: Peer::Client, missing: None };
        self.streams.end(failure.unwrap_or(&cut), cx);
    }
}
