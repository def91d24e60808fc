//! Both directions of a relay, and how it ends.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::task::coop;

use crate::End;
use crate::way::{Broken, Way};

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
pub struct Relay {
    ends: Option<[Box<dyn End>; 2]>,
    /// From the first end to the second, and back.
    ways: [Way; 2],
    /// The end that takes no more: what it sent before may still be there to be read.
    broken: Option<Which>,
}

/// Moves bytes between two connections until both have ended, or one broke.
///
/// # Cancel safety
///
/// If the future is dropped, both connections are closed, and what was moved is not known: with a
/// [`Relay`] it is.
pub async fn relay(a: Box<dyn End>, b: Box<dyn End>) -> Relayed {
    let mut relay = Relay::new(a, b);
    poll_fn(|cx| relay.poll_relayed(cx)).await
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ends: _, ways, broken } = self;
        f.debug_struct("Relay").field("ways", ways).field("broken", broken).finish_non_exhaustive()
    }
}

impl Relay {
    /// Makes a relay. Nothing moves before it is polled.
    pub fn new(a: Box<dyn End>, b: Box<dyn End>) -> Self {
        Self {
            ends: Some([a, b]),
            ways: [Way::new(Bytes::new()), Way::new(Bytes::new())],
            broken: None,
        }
    }

    /// Sends each end something before all else, which came from the other one earlier and does
    /// not count.
    pub fn with_early(mut self, to_a: Bytes, to_b: Bytes) -> Self {
        self.ways = [Way::new(to_b), Way::new(to_a)];
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
        let Some(ending) = self.poll_ways(cx) else { return Poll::Pending };
        if let Some(ends) = self.ends.take()
            && let Ending::Reset(_) = ending
        {
            ends.into_iter().for_each(End::reset);
        }
        Poll::Ready(Relayed { from_a: self.from_a(), from_b: self.from_b(), ending })
    }

    fn poll_ways(&mut self, cx: &mut Context<'_>) -> Option<Ending> {
        let [a, b] = self.ends.as_mut()?;
        let [a_to_b, b_to_a] = &mut self.ways;
        loop {
            let known = self.broken;
            for which in [Which::A, Which::B] {
                let polled = match which {
                    Which::A => a_to_b.poll(cx, &mut **a, &mut **b),
                    Which::B => b_to_a.poll(cx, &mut **b, &mut **a),
                };
                match polled {
                    Poll::Ready(Err(Broken::Sender)) => return Some(Ending::Reset(which)),
                    Poll::Ready(Err(Broken::Receiver)) => {
                        self.broken = Some(self.broken.unwrap_or_else(|| which.other()));
                        match which {
                            Which::A => a_to_b.give_up(),
                            Which::B => b_to_a.give_up(),
                        }
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
                // What it said last is passed on. That nothing is there is only believed where the
                // scheduler had nothing against asking.
                let silent = !last.holds() && coop::has_budget_remaining();
                return (last.is_over() || silent).then_some(Ending::Reset(broken));
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
