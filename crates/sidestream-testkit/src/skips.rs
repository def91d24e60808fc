//! Skips that are seen: printed, and written where the test command counts them.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// Says that the test `name` cannot run here and why; the test then returns.
///
/// `name` is the test's own name, `reason` what this machine or user lacks.
/// Prints `SKIPPED name: reason` to stderr. Where the environment variable
/// `SIDESTREAM_SKIPS` names a file, appends `package<TAB>name<TAB>reason` to
/// it, which is how `cargo xtask test` counts skips although the test harness
/// calls them passed. Call it at most once a test.
///
/// # Panics
///
/// When that file cannot be written: an uncounted skip would look like a pass.
#[expect(clippy::print_stderr, reason = "a skip is said aloud")]
pub fn skip(name: &str, reason: &str) {
    let name = one_line(name);
    let reason = one_line(reason);
    eprintln!("SKIPPED {name}: {reason}");
    if let Some(file) = std::env::var_os("SIDESTREAM_SKIPS") {
        append(Path::new(&file), &format!("{}\t{name}\t{reason}\n", package()));
    }
}

/// Appends in one write, so lines of tests that run at once do not mingle.
fn append(file: &Path, line: &str) {
    let opened = OpenOptions::new().create(true).append(true).open(file);
    opened
        .and_then(|mut opened| opened.write_all(line.as_bytes()))
        .unwrap_or_else(|error| panic!("cannot write the skip to {}: {error}", file.display()));
}

/// Names the package whose tests run, by the folder that Cargo and `cargo xtask` tell them.
///
/// Many packages have a test binary of the same name, and some the same tests.
fn package() -> String {
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    let name = Path::new(&folder).file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_a_skip_on_one_line() {
        assert_eq!(one_line("no user\n\tnamespaces "), "no user namespaces");
    }

    #[test]
    fn appends_one_line_a_skip() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("skips");
        append(&file, "sidestream-a\ta\tb\n");
        append(&file, "sidestream-a\tc\td\n");
        assert_eq!(
            std::fs::read_to_string(file).unwrap(),
            "sidestream-a\ta\tb\nsidestream-a\tc\td\n"
        );
    }

    #[test]
    fn names_the_package_of_the_test() {
        assert_eq!(package(), "sidestream-testkit");
    }
}
