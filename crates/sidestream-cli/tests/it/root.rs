//! The root and its files.

use std::fs;
use std::path::Path;
use std::thread;

use sidestream_cli::root::{Root, RootError};

fn open(folder: &Path) -> Result<Root, RootError> {
    Root::open(Some(folder))
}

#[test]
fn a_root_is_made_on_first_use_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("a/b");
    let made = open(&data).unwrap();
    let kept = open(&data).unwrap();
    assert_eq!(made.authority.certificate_pem(), kept.authority.certificate_pem());
    let certificate = fs::read_to_string(made.certificate_path.unwrap()).unwrap();
    assert_eq!(certificate, kept.authority.certificate_pem());
    assert!(!certificate.contains("PRIVATE KEY"));
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_the_key() {
    use sidestream_cli::root::Kept;
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    open(&data).unwrap();
    let kept = Kept::new(&data);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&kept.key_path()), 0o600);
    assert_eq!(mode(&kept.certificate_path()), 0o644);
    assert!(!kept.is_exposed());
    fs::set_permissions(kept.key_path(), fs::Permissions::from_mode(0o640)).unwrap();
    assert!(kept.is_exposed());
}

#[test]
fn processes_that_make_it_at_once_get_the_same_root() {
    let folder = tempfile::tempdir().unwrap();
    let made: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| open(folder.path()).unwrap().authority.certificate_pem()))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(made.iter().all(|pem| *pem == made[0]));
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap()).collect();
    assert_eq!(files.len(), 2, "{files:?}");
}

#[test]
fn a_file_that_is_no_root_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("root.pem"), "not a root").unwrap();
    let error = open(folder.path()).unwrap_err();
    assert!(matches!(error, RootError::NotARoot { .. }), "{error:?}");
    assert!(!error.is_for_want_of_a_place());
    assert_eq!(fs::read(folder.path().join("root.pem")).unwrap(), b"not a root");
}

#[test]
fn a_folder_that_cannot_be_made_is_named_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = open(&file.join("data")).unwrap_err();
    assert!(error.is_for_want_of_a_place(), "{error:?}");
    assert!(error.to_string().contains("--confdir"), "{error}");
    assert!(Root::open(None).unwrap_err().is_for_want_of_a_place());
}
