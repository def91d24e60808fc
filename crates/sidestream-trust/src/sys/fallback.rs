//! Any other system: no place is known.

use std::fs::Metadata;

use super::{Browser, Database, System};

pub(crate) const HAS_PLACES: bool = false;
pub(crate) static BUNDLES: [&str; 0] = [];
pub(crate) static DIRECTORIES: [&str; 0] = [];
pub(crate) static ANCHORS: [&str; 0] = [];
pub(crate) static JAVA_STORES: [&str; 0] = [];
pub(crate) static JDK_FOLDERS: [&str; 0] = [];
pub(crate) static BROWSERS: [Browser; 0] = [];
pub(crate) static SYSTEMS: [System; 0] = [];
pub(crate) static TOOL_FOLDERS: [&str; 0] = [];
pub(crate) static CHROMIUMS: [&str; 0] = [];
pub(crate) static DATABASES: [Database; 0] = [];

/// Permission bits that let everyone read.
pub(crate) fn mode(metadata: &Metadata) -> u32 {
    if metadata.is_dir() { 0o755 } else { 0o644 }
}
