//! How an exchange came out.

use sidestream::record::{Exchange, Failure, Flow};

/// Returns why an exchange did not end well: that which ended its flow, if it ended with it.
pub fn outcome<'a>(flow: &'a Flow, exchange: &'a Exchange) -> Option<&'a Failure> {
    let cut = exchange.timing.ended.is_none();
    exchange.failure.as_ref().or_else(|| flow.failure().filter(|_| cut))
}
