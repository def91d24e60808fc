//! What differs between systems: where roots are kept, and what a mode is.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "fallback.rs")]
mod imp;

pub(crate) use imp::{
    ANCHORS, BROWSERS, BUNDLES, DIRECTORIES, HAS_PLACES, JAVA_STORES, JDK_FOLDERS, mode,
};

/// A browser that obeys policies of the machine's administrator.
pub(crate) struct Browser {
    /// The folder of its settings; `policies/managed` below it holds the policies.
    pub(crate) folder: &'static str,
    /// Where it is installed: when there, the folder's parent may be covered to make the folder; `~` is the user's home.
    pub(crate) found_by: &'static [&'static str],
}
