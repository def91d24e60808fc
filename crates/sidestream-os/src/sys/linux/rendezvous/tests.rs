//! Who is let in, and what is left behind.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{self, Command};

use sidestream_testkit::{is_root, skip};

use super::{FOLDER, Rendezvous};

/// More than any pid is (PID_MAX_LIMIT in the kernel).
const DEAD: u32 = 4_194_305;

fn private() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
    folder
}

fn entries(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[tokio::test]
async fn a_child_is_let_in_and_nothing_is_left() {
    let runtime = private();
    let rendezvous = Rendezvous::open_in(runtime.path()).unwrap();
    let other = Rendezvous::open_in(runtime.path()).unwrap();
    assert_ne!(rendezvous.path(), other.path());
    let _stream = UnixStream::connect(rendezvous.path()).unwrap();
    rendezvous.accept(process::id()).await.unwrap();
    drop(rendezvous);
    assert!(other.path().exists());
    drop(other);
    assert_eq!(entries(runtime.path()), 0);
}

#[tokio::test]
async fn a_stranger_is_sent_away() {
    let test = "a_stranger_is_sent_away";
    let python = "/usr/bin/python3";
    if !is_root() || fs::metadata(python).is_err() {
        return skip(test, "not root, or no /usr/bin/python3");
    }
    let runtime = tempfile::tempdir().unwrap();
    fs::set_permissions(runtime.path(), Permissions::from_mode(0o755)).unwrap();
    let rendezvous = Rendezvous::open_in(runtime.path()).unwrap();
    let connect = "import socket, sys; s = socket.socket(socket.AF_UNIX); \
                   s.connect(sys.argv[1]); print(s.recv(1))";
    let stranger = move |path: &Path| {
        let mut command = Command::new(python);
        command.args(["-c", connect]).arg(path).uid(65534).gid(65534);
        command.output().unwrap()
    };
    // The folder is closed to others.
    assert!(!stranger(rendezvous.path()).status.success());
    // And were it not, the kernel tells who they are.
    let folder = rendezvous.path().parent().unwrap();
    fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(rendezvous.path(), Permissions::from_mode(0o777)).unwrap();
    let meeting = rendezvous.accept(process::id());
    let path = rendezvous.path().to_owned();
    let others = tokio::task::spawn_blocking(move || {
        let output = stranger(&path);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "b''\n");
        UnixStream::connect(path).unwrap()
    });
    let (met, others) = tokio::join!(meeting, others);
    met.unwrap();
    others.unwrap();
}

#[tokio::test]
async fn what_a_dead_process_left_is_removed_and_what_listens_is_not() {
    let runtime = private();
    let folder = runtime.path().join(FOLDER);
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
    let left_over = folder.join(format!("{DEAD}-0.sock"));
    drop(UnixListener::bind(&left_over).unwrap());
    let elsewhere = folder.join(format!("{DEAD}-1.sock"));
    let _listener = UnixListener::bind(&elsewhere).unwrap();
    let file = folder.join(format!("{DEAD}-2.sock"));
    fs::write(&file, "not a socket").unwrap();
    drop(Rendezvous::open_in(runtime.path()).unwrap());
    assert!(!left_over.exists());
    assert!(elsewhere.exists() && file.exists());
}

#[tokio::test]
async fn a_folder_among_temporary_files_is_ours_alone() {
    let temporary = private();
    let uid = crate::sys::effective_uid();
    let left_over = temporary.path().join(format!("{FOLDER}-{uid}-{DEAD}-0"));
    fs::create_dir(&left_over).unwrap();
    fs::set_permissions(&left_over, Permissions::from_mode(0o700)).unwrap();
    drop(UnixListener::bind(left_over.join(format!("{DEAD}-0.sock"))).unwrap());
    let one = Rendezvous::open_among(temporary.path()).unwrap();
    assert!(!left_over.exists());
    let other = Rendezvous::open_among(temporary.path()).unwrap();
    let folder = one.path().parent().unwrap();
    assert_ne!(Some(folder), other.path().parent());
    assert_eq!(fs::metadata(folder).unwrap().permissions().mode() & 0o7777, 0o700);
    drop((one, other));
    assert_eq!(entries(temporary.path()), 0);
}

#[tokio::test]
async fn a_folder_that_others_may_enter_is_refused() {
    let runtime = private();
    let folder = runtime.path().join(FOLDER);
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    let error = Rendezvous::open_in(runtime.path()).unwrap_err();
    assert!(error.to_string().starts_with("others may enter"), "{error}");
}
