//! Where the helper is.

use std::env;
use std::path::{Path, PathBuf};

use crate::helper::{INSTALLED, NAME};

/// Where packages put it.
const PACKAGED: &str = "/usr/libexec/sidestream-helper";

/// Where the helper was looked for, in that order.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    /// The user named it, so no other place will do.
    pub(super) named: bool,
}

/// Lists the places at which a helper may be, those that come first first.
pub(super) fn find(named: Option<&Path>) -> Vec<Place> {
    let named =
        named.map(Path::to_owned).or_else(|| env::var_os("SIDESTREAM_HELPER").map(Into::into));
    if let Some(path) = named.filter(|path| !path.as_os_str().is_empty()) {
        // It is run by programs that have another working directory.
        let path = std::path::absolute(&path).unwrap_or(path);
        return vec![Place { path, named: true }];
    }
    let mut paths = env::current_exe().map(|own| beside(&own)).unwrap_or_default();
    paths.extend([INSTALLED, PACKAGED].map(PathBuf::from));
    paths.into_iter().map(|path| Place { path, named: false }).collect()
}

/// Lists the places near an executable: beside it and, for what cargo built as a test or an
/// example, beside the programs.
fn beside(own: &Path) -> Vec<PathBuf> {
    let Some(folder) = own.parent() else { return Vec::new() };
    let mut folders = vec![folder];
    if matches!(folder.file_name().and_then(|name| name.to_str()), Some("deps" | "examples")) {
        folders.extend(folder.parent());
    }
    let name = format!("{NAME}{}", env::consts::EXE_SUFFIX);
    folders.into_iter().map(|folder| folder.join(&name)).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::beside;

    #[track_caller]
    fn check(own: &str, expected: &[&str]) {
        let found = beside(Path::new(own));
        assert_eq!(found, expected.iter().map(Path::new).collect::<Vec<_>>());
    }

    #[test]
    fn what_cargo_built_finds_the_helper_beside_the_programs() {
        check("/usr/bin/sidestream", &["/usr/bin/sidestream-helper"]);
        let both = ["/t/debug/deps/sidestream-helper", "/t/debug/sidestream-helper"];
        check("/t/debug/deps/it-0123", &both);
        let both = ["/t/debug/examples/sidestream-helper", "/t/debug/sidestream-helper"];
        check("/t/debug/examples/os_proxy", &both);
        check("/", &[]);
    }
}
