//! What differs between systems: where roots are kept, and what a mode is.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "fallback.rs")]
mod imp;

pub(crate) use imp::{ANCHORS, BUNDLES, DIRECTORIES, HAS_PLACES, JAVA_STORES, JDK_FOLDERS, mode};
