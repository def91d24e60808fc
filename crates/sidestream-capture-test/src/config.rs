//! How large the suite's checks are, and how long they wait.

use std::time::Duration;

/// How large the checks are, and how long they wait.
#[derive(Clone, Debug)]
pub struct Config {
    /// How many bytes the large transfer carries each way. 64 MiB by default.
    pub transfer_bytes: u64,
    /// How many flows are made at once. 500 by default.
    pub flows: usize,
    /// How many bytes may be under way to someone who does not read, kernel buffers included.
    /// 64 MiB by default.
    pub waiting_bytes: u64,
    /// How long anything may take to go on before the check fails. 30 s by default.
    pub patience: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            transfer_bytes: 64 << 20,
            flows: 500,
            waiting_bytes: 64 << 20,
            patience: Duration::from_secs(30),
        }
    }
}

impl Config {
    /// Makes the configuration that the environment asks for: `SIDESTREAM_TRANSFER_BYTES`,
    /// `SIDESTREAM_FLOWS`, and `SIDESTREAM_PATIENCE_SECONDS`.
    ///
    /// # Panics
    ///
    /// When a variable is set and is not a number: a check that is smaller than was asked for
    /// would look like a pass.
    pub fn from_env() -> Self {
        let mut config = Self::default();
        if let Some(bytes) = number("SIDESTREAM_TRANSFER_BYTES") {
            config.transfer_bytes = bytes;
        }
        if let Some(flows) = number("SIDESTREAM_FLOWS") {
            config.flows = usize::try_from(flows).expect("a number of flows fits the memory");
        }
        if let Some(seconds) = number("SIDESTREAM_PATIENCE_SECONDS") {
            config.patience = Duration::from_secs(seconds);
        }
        config
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is not a number: {text:?}")))
}
