//! How much of a block, and of the table, is held.

/// Bounds what a decoder holds and returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most fields in a block; 1,024.
    pub max_fields: usize,
    /// The most that the fields of a block add up to, in bytes, each its name, its value and 32
    /// (RFC 9113 §6.5.2); 256 KiB, which is the most that browsers take.
    pub max_bytes: usize,
    /// The largest dynamic table that is ever held, in bytes, whatever is announced; 1 MiB.
    pub max_table_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_fields: 1024, max_bytes: 256 * 1024, max_table_bytes: 1024 * 1024 }
    }
}
