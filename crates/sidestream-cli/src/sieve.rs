//! Lets through what a filter selects.

use std::borrow::Cow;
use std::io;
use std::time::SystemTime;

use sidestream::filter::{Expr, Filter};
pub use sidestream::list::{body_bytes, selects};
use sidestream::record::Finished;
use sidestream::store;

use crate::feed::Watcher;

/// How many bytes of each body, as it was sent, filters see: from its beginning.
pub const BODY_BYTES: usize = store::TEXT_BYTES;

/// Reads a filter of the command line.
///
/// # Errors
///
/// It is none; the message shows where.
pub fn parse(text: &str) -> Result<Expr, String> {
    text.parse::<Expr>().map_err(|error| format!("not a filter:\n{}", error.render(text)))
}

/// Makes a filter of what was given; it counts back from now.
pub fn filter(expr: Option<Expr>) -> Option<Filter> {
    Some(Filter::new(expr?, SystemTime::now()))
}

/// Returns what is finished with no more than that many bytes of each body.
pub fn cut(finished: &Finished, body_bytes: usize) -> Cow<'_, Finished> {
    match finished {
        Finished::Exchange(flow, exchange)
            if [&exchange.request_body, &exchange.response_body]
                .iter()
                .any(|body| body.beginning.len() > body_bytes) =>
        {
            let mut exchange = exchange.clone();
            exchange.request_body.beginning.truncate(body_bytes);
            exchange.response_body.beginning.truncate(body_bytes);
            Cow::Owned(Finished::Exchange(flow.clone(), exchange))
        }
        _ => Cow::Borrowed(finished),
    }
}

/// A watcher that sees what a filter selects, or all without one.
#[derive(Debug)]
pub struct Sieve<W> {
    watcher: W,
    filter: Option<Filter>,
}

impl<W> Sieve<W> {
    /// Puts a filter before a watcher.
    pub const fn new(watcher: W, filter: Option<Filter>) -> Self {
        Self { watcher, filter }
    }
}

impl<W: Watcher> Watcher for Sieve<W> {
    fn body_bytes(&self) -> usize {
        self.watcher.body_bytes().max(body_bytes(self.filter.as_ref()))
    }

    fn see(&mut self, finished: &Finished) -> io::Result<()> {
        match &self.filter {
            Some(filter) if !selects(filter, finished) => Ok(()),
            Some(_) => {
                let most = self.watcher.body_bytes();
                self.watcher.see(&cut(finished, most))
            }
            None => self.watcher.see(finished),
        }
    }

    fn idle(&mut self) -> io::Result<()> {
        self.watcher.idle()
    }
}
