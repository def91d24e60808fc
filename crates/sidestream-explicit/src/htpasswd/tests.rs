//! Hashes that others made: those of Apache's documentation, all of one password.

use super::hash::Hash;
use super::{Htpasswd, HtpasswdError};

const HASHES: [&str; 3] = [
    "$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC",
    "$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/",
    "{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=",
];

#[test]
fn each_kind_of_hash_is_of_its_password_alone() {
    for hash in HASHES {
        let parsed = Hash::parse(hash).unwrap();
        assert!(parsed.is_of(b"myPassword"), "{hash}");
        for wrong in ["", "mypassword", "myPassword ", "myPasswor"] {
            assert!(!parsed.is_of(wrong.as_bytes()), "{hash} {wrong}");
        }
    }
}

#[test]
fn what_cannot_be_checked_is_told_by_its_line() {
    let bad = ["plain", "rqXexS6ZhobKA", "$1$x$y", "$apr1$x", "$2y$05$short", "{SHA}", ""];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    for hash in bad {
        std::fs::write(&path, format!("# users\n\na:{}\nb:{hash}\n", HASHES[1])).unwrap();
        let error = Htpasswd::new(&path).load().unwrap_err();
        assert!(matches!(error, HtpasswdError::Hash { line: 4, .. }), "{hash} {error}");
    }
    std::fs::write(&path, "nobody\n").unwrap();
    let error = Htpasswd::new(&path).load().unwrap_err();
    assert!(matches!(error, HtpasswdError::Line { line: 1, .. }), "{error}");
    let error = Htpasswd::new(folder.path().join("none")).load().unwrap_err();
    assert!(matches!(error, HtpasswdError::Read { .. }), "{error}");
}

#[test]
fn a_file_that_changes_is_read_again_and_one_that_breaks_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    std::fs::write(&path, format!("a:{}\r\n", HASHES[1])).unwrap();
    let users = Htpasswd::new(&path);
    assert!(users.are(b"a", b"myPassword") && !users.are(b"b", b"myPassword"));
    std::fs::write(&path, format!("a:{}\nb:{}\n", HASHES[0], HASHES[2])).unwrap();
    assert!(users.are(b"a", b"myPassword") && users.are(b"b", b"myPassword"));
    assert!(!users.are(b"c", b"myPassword") && !users.are(b"", b""));
    std::fs::write(&path, "rubbish").unwrap();
    assert!(users.are(b"b", b"myPassword"));
    std::fs::write(&path, "").unwrap();
    assert!(!users.are(b"b", b"myPassword"));
}
