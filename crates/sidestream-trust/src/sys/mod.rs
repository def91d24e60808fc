//! What differs between systems: where roots are kept, and what a mode is.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "fallback.rs")]
mod imp;

pub(crate) use imp::{
    ANCHORS, BROWSERS, BUNDLES, CHROMIUMS, DATABASES, DIRECTORIES, HAS_PLACES, JAVA_STORES,
    JDK_FOLDERS, SYSTEMS, TOOL_FOLDERS, mode,
};

/// A browser that obeys policies of the machine's administrator.
pub(crate) struct Browser {
    /// The folder of its settings; `policies/managed` below it holds the policies.
    pub(crate) folder: &'static str,
    /// Where it is installed: when there, the folder's parent may be covered to make the folder; `~` is the user's home.
    pub(crate) found_by: &'static [&'static str],
}

/// What a distribution makes its bundles from.
#[derive(Debug)]
pub(crate) struct System {
    /// Whose way it is.
    pub(crate) name: &'static str,
    /// The directory that tells.
    pub(crate) is_there: &'static str,
    /// Where a root of the administrator is put.
    pub(crate) anchors: &'static str,
    /// What makes the bundles from there: the first that is installed does.
    pub(crate) tools: &'static [&'static [&'static str]],
    /// What it is told to forget what is gone.
    pub(crate) afresh: &'static [&'static str],
    /// What it adds to while it runs: left by one that was killed, the next one would go on with it.
    pub(crate) scratch: Option<&'static str>,
    /// What it makes.
    pub(crate) generated: &'static [&'static str],
}

/// A database of NSS.
pub(crate) struct Database {
    /// Whose it is.
    pub(crate) name: &'static str,
    /// Its folder; `~` is the user's home, and a `*` at the end any folder.
    pub(crate) folder: &'static str,
}
