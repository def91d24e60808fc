//! What a field block says.

use sidestream_record::Fields;

/// How a field stood in a block, and is to stand in the next (RFC 7541 §6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Indexing {
    /// From the table, or put into it.
    #[default]
    Incremental,
    /// Spelled out, and kept out of the table.
    Without,
    /// Spelled out, and to be kept out of every table on its way, as secrets are.
    Never,
}

/// A block, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// The fields in the order of the block, pseudo-header fields among them.
    pub fields: Fields,
    /// How each of the fields stood in the block: as many as there are fields.
    pub indexing: Vec<Indexing>,
    /// The size in bytes that the block gave the dynamic table at its beginning, if it did.
    pub table_size: Option<usize>,
    /// The smallest of these sizes, if there were several: entries were evicted down to it.
    pub smallest_table_size: Option<usize>,
}
