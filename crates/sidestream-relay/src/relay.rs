//! Both directions of a relay, and how it ends.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::coop;

use crate::ends::Pair;
use crate::sent::Patience;
use crate::way::{Broken, Way};
use crate::{Ends, Farewell, Sent};

/// One of the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Which {
    /// The first one.
    A,
    /// The second one.
    B,
}

/// How a relay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ending {
    /// Both ends have ended, and all that they sent was passed on.
    Closed,
    /// That end reset its connection, or it broke, and so the other one was reset.
    Reset(Which),
}

/// What a relay has moved, and how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Relayed {
    /// How many bytes came from the first end.
    pub from_a: u64,
    /// How many bytes came from the second end.
    pub from_b: u64,
    /// How it ended.
    pub ending: Ending,
}

/// A relay between two connections.
///
/// Dropping it closes both.
pub struct Relay<S> {
    /// The two, until it is over.
    both: Option<[S; 2]>,
    ends: Ends<S>,
    /// From the first end to the second, and back.
    ways: [Way; 2],
    /// The end that takes no more: what it sent before may still be there to be read.
    broken: Option<Which>,
    farewell: Farewell,
    /// With the other one, until it has taken that.
    patience: Patience,
    /// It is over by a reset, once the other end was sent all that there is.
    leaving: Option<Box<(Ending, [Sent; 2])>>,
}

/// Moves bytes between two sockets until both have ended, or one broke.
///
/// # Cancel safety
///
/// If the future is dropped, both connections are closed, and what was moved is not known: with a
/// [`Relay`] it is.
pub async fn relay(a: TcpStream, b: TcpStream) -> Relayed {
    let mut relay = Relay::new(a, b, Ends::SOCKETS);
    poll_fn(|cx| relay.poll_relayed(cx)).await
}

impl<S> fmt::Debug for Relay<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ways, broken, .. } = self;
        f.debug_struct("Relay").field("ways", ways).field("broken", broken).finish_non_exhaustive()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Relay<S> {
    /// Makes a relay. Nothing moves before it is polled.
    pub const fn new(a: S, b: S, ends: Ends<S>) -> Self {
        let ways = [Way::new(), Way::new()];
        Self {
            both: Some([a, b]),
            ends,
            ways,
            broken: None,
            farewell: Farewell::new(),
            patience: Patience::new(),
            leaving: None,
        }
    }

    /// Sends each end something before all else, which came from the other one earlier and does
    /// not count.
    pub fn with_early(mut self, to_a: Bytes, to_b: Bytes) -> Self {
        for (way, early) in self.ways.iter_mut().zip([to_b, to_a]) {
            way.keep(early);
        }
        self
    }

    /// Takes an end for one that has ended already: nothing more is read from it. The other one is
    /// told of it in its turn, unless it was.
    pub fn with_ended(mut self, which: Which, is_told: bool) -> Self {
        self.ways[which as usize].end(is_told);
        self
    }

    /// Returns how many bytes came from the first end so far.
    pub fn from_a(&self) -> u64 {
        self.ways[0].came
    }

    /// Returns how many bytes came from the second end so far.
    pub fn from_b(&self) -> u64 {
        self.ways[1].came
    }

    /// Returns whether one of the ends has ended, so that what is left may soon be over.
    pub fn is_ending(&self) -> bool {
        self.ways.iter().any(Way::is_ending)
    }

    /// Polls for the end, and moves what can be moved. After the end it is pending.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if it is not polled again for a while.
    pub fn poll_relayed(&mut self, cx: &mut Context<'_>) -> Poll<Relayed> {
        let ending = match &self.leaving {
            Some(leaving) => leaving.0,
            None => match self.poll_ways(cx) {
                Some(ending) => ending,
                None => return Poll::Pending,
            },
        };
        if let Ending::Reset(_) = ending {
            ready!(self.poll_reset(ending, cx));
        }
        self.both = None;
        Poll::Ready(Relayed { from_a: self.from_a(), from_b: self.from_b(), ending })
    }

    /// Resets both ends, once what waits in them is on its way.
    fn poll_reset(&mut self, ending: Ending, cx: &mut Context<'_>) -> Poll<()> {
        let Some(both) = &self.both else { return Poll::Pending };
        let leaving = self.leaving.get_or_insert_with(|| Box::new((ending, Default::default())));
        for (end, sent) in both.iter().zip(&mut leaving.1) {
            if let Some(socket) = (self.ends.socket)(end) {
                ready!(sent.poll_sent(cx, socket));
            }
        }
        self.both.take().into_iter().flatten().for_each(self.ends.reset);
        Poll::Ready(())
    }

    fn poll_ways(&mut self, cx: &mut Context<'_>) -> Option<Ending> {
        let ends = self.ends;
        let [a, b] = self.both.as_mut()?;
        let [a_to_b, b_to_a] = &mut self.ways;
        loop {
            let known = self.broken;
            for which in [Which::A, Which::B] {
                let polled = match which {
                    Which::A => a_to_b.poll(cx, Pair { from: a, to: b, ends }),
                    Which::B => b_to_a.poll(cx, Pair { from: b, to: a, ends }),
                };
                match polled {
                    Poll::Ready(Err(Broken::Sender)) => return Some(Ending::Reset(which)),
                    Poll::Ready(Err(Broken::Receiver)) => {
                        self.broken = Some(self.broken.unwrap_or_else(|| which.other()));
                        let (lost, last) = match which {
                            Which::A => (&mut *a_to_b, &mut *b_to_a),
                            Which::B => (&mut *b_to_a, &mut *a_to_b),
                        };
                        lost.give_up();
                        last.mute();
                    }
                    Poll::Ready(Ok(())) | Poll::Pending => {}
                }
            }
            let Some(broken) = self.broken else {
                let over = a_to_b.is_over() && b_to_a.is_over();
                return over.then_some(Ending::Closed);
            };
            if known == self.broken {
                let last = if broken == Which::A { &*a_to_b } else { &*b_to_a };
                // What it said last is passed on, and waited for: it may be there and not known
                // here. That nothing is there is only believed where the scheduler had nothing
                // against asking.
                let given_up = match last.holds() {
                    true => self.patience.poll_over(cx).is_ready(),
                    false => coop::has_budget_remaining() && self.farewell.poll_over(cx).is_ready(),
                };
                return (last.is_over() || given_up).then_some(Ending::Reset(broken));
            }
        }
    }
}

impl Which {
    /// Returns the other end.
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}
