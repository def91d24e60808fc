//! What several targets need to run a machine.

use std::sync::Arc;

use sidestream_proto::Config;
use sidestream_proto::tls::{Downstream, Upstream};

/// Makes a configuration with which no TLS can be agreed on: no server is trusted.
pub fn config() -> Config {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Config::new(Upstream::trusting_nobody(Arc::clone(&provider)), Downstream::new(provider))
}
