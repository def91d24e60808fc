//! What the package managers of Alpine and Arch keep on disk.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::index::Index;

/// Where apk keeps what it has installed: now, and in later releases.
pub(super) const APK_FILES: [&str; 2] = ["/lib/apk/db/installed", "/usr/lib/apk/db/installed"];

/// Where pacman keeps it, a folder a package.
pub(super) const PACMAN_FOLDER: &str = "/var/lib/pacman/local";

/// A system whose package manager lists its files in plain text.
#[derive(Debug)]
pub(super) struct Listed(Index);

impl Listed {
    /// Reads what apk has installed; `None` where this is not the package manager.
    pub(super) fn read_apk() -> Option<Self> {
        let text = APK_FILES.iter().find_map(|file| fs::read(file).ok())?;
        Some(Self(parse_apk(&text)))
    }

    /// Reads what pacman has installed; `None` where this is not the package manager.
    pub(super) fn read_pacman() -> Option<Self> {
        let mut index = Index::default();
        for entry in fs::read_dir(PACMAN_FOLDER).ok()?.flatten() {
            let name = entry.file_name();
            let Some(package) = name.to_str().and_then(without_version) else { continue };
            let Ok(text) = fs::read(entry.path().join("files")) else { continue };
            add_pacman(&mut index, package, &text);
        }
        Some(Self(index.finish()))
    }

    /// Finds the package of a file.
    pub(super) fn owner(&self, path: &Path) -> Option<&str> {
        self.0.owners(path.as_os_str().as_bytes()).next()
    }
}

/// Parses apk's database: lines of a letter, a colon and a value; `P` is a package, `F` a folder
/// in it, `R` a file in that.
fn parse_apk(text: &[u8]) -> Index {
    let mut index = Index::default();
    let (mut package, mut folder, mut paths) = (String::new(), &b""[..], Vec::new());
    for line in text.split(|&byte| byte == b'\n') {
        match line {
            [b'P', b':', name @ ..] => package = String::from_utf8_lossy(name).into_owned(),
            [b'F', b':', name @ ..] => folder = name,
            [b'R', b':', name @ ..] if folder.is_empty() => paths.push([b"/", name].concat()),
            [b'R', b':', name @ ..] => paths.push([b"/", folder, b"/", name].concat()),
            [] => {
                index.add(&package, paths.iter().map(Vec::as_slice));
                paths.clear();
                folder = b"";
            }
            _ => {}
        }
    }
    index.add(&package, paths.iter().map(Vec::as_slice));
    index.finish()
}

/// Adds what stands below `%FILES%`: paths without the first slash.
fn add_pacman(index: &mut Index, package: &str, text: &[u8]) {
    let lines = text.split(|&byte| byte == b'\n').skip_while(|line| *line != b"%FILES%").skip(1);
    let files = lines.take_while(|line| !line.is_empty() && !line.starts_with(b"%"));
    let paths: Vec<Vec<u8>> = files.map(|file| [b"/", file].concat()).collect();
    index.add(package, paths.iter().map(Vec::as_slice));
}

/// Takes version and release away: `gcc-libs` of `gcc-libs-14.2.1-1`.
fn without_version(folder: &str) -> Option<&str> {
    let (name, _release) = folder.rsplit_once('-')?;
    Some(name.rsplit_once('-')?.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Index, add_pacman, parse_apk, without_version};

    #[test]
    fn files_of_apk_are_below_their_folders() {
        let text = b"C:Q1\nP:busybox\nV:1.37\nF:bin\nR:busybox\na:0:0:755\nF:etc\nR:securetty\n\n\
            P:curl\nF:usr\nF:usr/bin\nR:curl";
        let index = parse_apk(text);
        let owner = |path: &str| index.owners(path.as_bytes()).next();
        assert_eq!(owner("/bin/busybox"), Some("busybox"));
        assert_eq!(owner("/usr/bin/curl"), Some("curl"));
        assert_eq!(owner("/usr/bin/securetty"), None);
    }

    #[test]
    fn files_of_pacman_end_before_its_backups() {
        let mut index = Index::default();
        add_pacman(&mut index, "curl", b"%FILES%\nusr/\nusr/bin/curl\n\n%BACKUP%\netc/x\tsum\n");
        let index = index.finish();
        assert_eq!(index.owners(b"/usr/bin/curl").next(), Some("curl"));
        assert_eq!(index.owners(b"/etc/x\tsum").next(), None);
        assert_eq!(without_version("gcc-libs-14.2.1-1"), Some("gcc-libs"));
        assert_eq!(without_version("ALPM_DB_VERSION"), None);
    }

    proptest! {
        #[test]
        fn no_text_is_a_reason_to_panic(
            text in prop::collection::vec(prop::sample::select(&b"PFR:/%a\n"[..]), 0..80),
        ) {
            parse_apk(&text);
            add_pacman(&mut Index::default(), "x", &text);
        }
    }
}
