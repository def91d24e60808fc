//! Ids of flows, exchanges and messages: unique in a session, never reused.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    };
}

id! {
    /// Names one flow: the life of one five-tuple.
    FlowId
}
id! {
    /// Names one exchange: a request and its response (RFC 9110 §3.4).
    ExchangeId
}
id! {
    /// Names one message of a flow that has no exchanges: a datagram, a stretch of raw bytes.
    MessageId
}

/// Gives out ids, each once.
///
/// Clones share their counters, so every flow of a session draws from one source.
#[derive(Clone, Debug, Default)]
pub struct Ids(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    flow: AtomicU64,
    exchange: AtomicU64,
    message: AtomicU64,
}

impl Ids {
    /// Makes a source that begins after those ids, for a session that is continued.
    pub fn after(flow: FlowId, exchange: ExchangeId, message: MessageId) -> Self {
        Self(Arc::new(Counters {
            flow: AtomicU64::new(flow.0),
            exchange: AtomicU64::new(exchange.0),
            message: AtomicU64::new(message.0),
        }))
    }

    /// Returns a flow id that was never given out before, counting from 1.
    pub fn flow(&self) -> FlowId {
        FlowId(next(&self.0.flow))
    }

    /// Returns an exchange id that was never given out before, counting from 1.
    pub fn exchange(&self) -> ExchangeId {
        ExchangeId(next(&self.0.exchange))
    }

    /// Returns a message id that was never given out before, counting from 1.
    pub fn message(&self) -> MessageId {
        MessageId(next(&self.0.message))
    }
}

fn next(counter: &AtomicU64) -> u64 {
    counter.fetch_add(1, Ordering::Relaxed) + 1
}
