//! Where entries go.

use crate::Entry;

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recorded {
    /// It will be recorded.
    Accepted,
    /// Its facts will be recorded, its content was dropped because the recorder lags behind.
    BodyDropped,
    /// It was not taken: no exchange should begin until the recorder has caught up.
    Full,
}

/// Takes what is recorded.
///
/// A sink answers at once: the observer never slows a flow. It keeps room for facts beside that
/// for content, drops content first, and counts what it dropped.
pub trait Sink: Send + Sync {
    /// Takes one entry and says what becomes of it.
    fn record(&self, entry: &Entry) -> Recorded;

    /// Returns whether new exchanges may begin; what is under way is recorded in any case.
    ///
    /// A sink without room for more says so before it has to answer [`Recorded::Full`].
    fn has_room(&self) -> bool {
        true
    }

    /// Returns whether content is of any use to it at the moment; facts always are.
    ///
    /// Where it is to no sink, whoever carries a flow may save the work of showing it.
    fn wants_content(&self) -> bool {
        true
    }
}

impl<S: Sink + ?Sized> Sink for std::sync::Arc<S> {
    fn record(&self, entry: &Entry) -> Recorded {
        (**self).record(entry)
    }

    fn has_room(&self) -> bool {
        (**self).has_room()
    }

    fn wants_content(&self) -> bool {
        (**self).wants_content()
    }
}

/// Hands every entry to all of several sinks and answers with the worst answer.
impl<S: Sink> Sink for [S] {
    fn record(&self, entry: &Entry) -> Recorded {
        self.iter().map(|sink| sink.record(entry)).max().unwrap_or(Recorded::Accepted)
    }

    fn has_room(&self) -> bool {
        self.iter().all(Sink::has_room)
    }

    fn wants_content(&self) -> bool {
        self.iter().any(Sink::wants_content)
    }
}

impl<S: Sink> Sink for Vec<S> {
    fn record(&self, entry: &Entry) -> Recorded {
        self.as_slice().record(entry)
    }

    fn has_room(&self) -> bool {
        self.as_slice().has_room()
    }

    fn wants_content(&self) -> bool {
        self.as_slice().wants_content()
    }
}
