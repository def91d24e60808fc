//! How much of a message is held at once.

/// Bounds what the readers hold of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest head, and the longest trailer section, in bytes; 256 KiB, which is the most
    /// that browsers take.
    pub max_head_bytes: usize,
    /// The most field lines in a head, and in a trailer section; 1,024.
    pub max_fields: usize,
    /// The longest line before a chunk, in bytes: its size and its extensions; 4 KiB.
    pub max_chunk_line_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_head_bytes: 256 * 1024, max_fields: 1024, max_chunk_line_bytes: 4096 }
    }
}
