//! What lies over the files that the command sees, and what it keeps of its surroundings.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use sidestream_linux::{Entry, EntryKind, LaunchError, Options, Overlay, OverlayKind, Sandbox};
use tempfile::tempdir;

use crate::relay::{able, driver, run};

fn shell(script: &str) -> Options {
    Options::new(["sh", "-c", script])
}

#[test]
pub(crate) fn a_file_and_a_folder_are_covered_for_the_command_only() {
    if !able("a_file_and_a_folder_are_covered_for_the_command_only") {
        return;
    }
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("file"), "host").unwrap();
    fs::create_dir(path("folder")).unwrap();
    fs::write(path("folder/hidden"), "host").unwrap();
    std::os::unix::fs::symlink("file", path("link")).unwrap();
    let file = |text: &str| (text.as_bytes().to_vec(), 0o444);
    let (contents, mode) = file("inside");
    let entry = |path: &str, kind| Entry { path: path.into(), kind };
    let entries = vec![
        entry("below", EntryKind::Directory { mode: 0o555 }),
        entry("below/file", EntryKind::File { contents: b"deep".to_vec(), mode: 0o444 }),
        entry("link", EntryKind::Symlink { target: "below/file".into() }),
    ];
    let overlays = vec![
        Overlay { path: path("link"), kind: OverlayKind::File { contents, mode } },
        Overlay { path: path("folder"), kind: OverlayKind::Directory { mode: 0o755, entries } },
    ];
    let script = format!(
        "cd {}; cat file folder/link; echo; ls folder; stat -c %a file folder folder/below;\
         echo x 2>/dev/null > file || echo read-only; touch folder/new 2>/dev/null || echo too",
        folder.path().display()
    );
    let outcome = run(Options { overlays, ..shell(&script) });
    assert_eq!(outcome.output, "insidedeep\nbelow\nlink\n444\n755\n555\nread-only\ntoo\n");
    assert_eq!(fs::read_to_string(path("file")).unwrap(), "host");
    assert_eq!(fs::read_dir(path("folder")).unwrap().count(), 1);
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains("sidestream"), "{mounts}");
}

#[test]
pub(crate) fn what_cannot_be_covered_is_an_error_that_names_it() {
    if !able("what_cannot_be_covered_is_an_error_that_names_it") {
        return;
    }
    let kind = OverlayKind::File { contents: Vec::new(), mode: 0o444 };
    let overlays = vec![Overlay { path: "/nowhere/at/all".into(), kind }];
    let options = Options { overlays, driver: driver(), ..shell("true") };
    let error = Sandbox::launch(options).unwrap_err();
    assert!(matches!(error, LaunchError::Overlay { ref path, .. } if path.ends_with("at/all")));
}

#[test]
pub(crate) fn the_command_keeps_its_surroundings() {
    if !able("the_command_keeps_its_surroundings") {
        return;
    }
    let environment = vec![("ADDED".into(), "yes".into()), ("HOME".into(), "/elsewhere".into())];
    let script = "pwd; echo $ADDED $HOME; id -u; id -g; umask; grep -E 'Sig(Blk|Ign)' /proc/self/status;\
                  ps -o sid= -p $$ | tr -d ' '";
    let outcome = run(Options { environment, ..shell(script) });
    let mut lines = outcome.output.lines();
    let mut next = || lines.next().unwrap_or_default();
    assert_eq!(next(), std::env::current_dir().unwrap().to_str().unwrap());
    assert_eq!(next(), "yes /elsewhere");
    let outside = std::process::Command::new("sh").args(["-c", "id -u; id -g; umask"]).output();
    let outside = String::from_utf8(outside.unwrap().stdout).unwrap();
    for expected in outside.lines() {
        assert_eq!(next(), expected);
    }
    assert_eq!(next(), "SigBlk:\t0000000000000000");
    let ignored = next().trim_start_matches("SigIgn:\t");
    let ignored = u64::from_str_radix(ignored, 16).unwrap();
    // Not even SIGPIPE, which Rust's runtime ignores.
    assert_eq!(ignored & (1 << 12), 0, "{ignored:x}");
    let mode = fs::metadata("/proc/self").unwrap().permissions().mode();
    assert_ne!(mode, 0);
}
