//! How much of a message is held and inflated.

/// Bounds what the readers hold and do for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many bytes of a message's content are kept, inflated; 1 MiB. The rest is counted.
    pub max_message_bytes: usize,
    /// How many times more compressed content may inflate to than was sent, over all messages of
    /// one side; 100. Beyond it nothing more of that side is inflated.
    pub max_expansion: u32,
    /// How much compressed content may inflate to on top of that; 64 MiB.
    pub expansion_allowance_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_message_bytes: 1024 * 1024,
            max_expansion: 100,
            expansion_allowance_bytes: 64 * 1024 * 1024,
        }
    }
}
