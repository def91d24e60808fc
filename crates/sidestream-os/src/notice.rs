//! What the user should be told while flows are captured.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};

use sidestream_linux::LocalNotice;

use crate::sys::Source;

/// Something that the user should be told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// It concerns a command that is run.
    Command(sidestream_linux::Notice),
    /// The helper said it, for people.
    Helper(String),
    /// It concerns whole-machine capture.
    Local(LocalNotice),
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(notice) => notice.fmt(f),
            Self::Helper(line) => write!(f, "the helper: {line}"),
            Self::Local(notice) => notice.fmt(f),
        }
    }
}

/// Notices, as they come.
#[derive(Debug)]
pub struct Notices(Vec<Source>);

impl Notices {
    pub(crate) fn new(sources: impl IntoIterator<Item = Source>) -> Self {
        Self(sources.into_iter().collect())
    }

    /// Polls for the next notice; `None` means that no more will come.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost between two calls.
    pub fn poll_notice(&mut self, cx: &mut Context<'_>) -> Poll<Option<Notice>> {
        let mut index = 0;
        while let Some(source) = self.0.get_mut(index) {
            match source.poll(cx) {
                Poll::Ready(Some(notice)) => return Poll::Ready(Some(notice)),
                Poll::Ready(None) => _ = self.0.remove(index),
                Poll::Pending => index += 1,
            }
        }
        if self.0.is_empty() { Poll::Ready(None) } else { Poll::Pending }
    }

    /// Waits for the next notice; `None` means that no more will come.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Notice> {
        poll_fn(|cx| self.poll_notice(cx)).await
    }
}
