//! Hashes that others made: those of Apache's documentation, all of one password.

use std::path::Path;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::hash::Hash;
use super::{Htpasswd, HtpasswdError, MAX_SAID};

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

async fn are(users: &Arc<Htpasswd>, user: &str, password: &str) -> bool {
    Arc::clone(users).verify(user.into(), password.into()).await
}

#[tokio::test]
async fn a_file_that_changes_is_read_again_and_one_that_breaks_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    std::fs::write(&path, format!("a:{}\r\n", HASHES[1])).unwrap();
    let users = Arc::new(Htpasswd::new(&path));
    assert!(are(&users, "a", "myPassword").await && !are(&users, "b", "myPassword").await);
    std::fs::write(&path, format!("a:{}\nb:{}\n", HASHES[0], HASHES[2])).unwrap();
    assert!(are(&users, "a", "myPassword").await && are(&users, "b", "myPassword").await);
    assert!(!are(&users, "c", "myPassword").await && !are(&users, "", "").await);
    std::fs::write(&path, "rubbish").unwrap();
    assert!(are(&users, "b", "myPassword").await);
    std::fs::write(&path, "").unwrap();
    assert!(!are(&users, "b", "myPassword").await);
}

/// Has each of them verified at once, and returns how many are right.
async fn at_once(users: &Arc<Htpasswd>, said: impl Iterator<Item = (String, String)>) -> usize {
    let mut judging = JoinSet::new();
    for (user, password) in said {
        judging.spawn(Arc::clone(users).verify(user.into(), password.into()));
    }
    judging.join_all().await.into_iter().filter(|is_right| *is_right).count()
}

fn one_user(path: &Path, turns: usize) -> Arc<Htpasswd> {
    std::fs::write(path, format!("a:{}\n", HASHES[0])).unwrap();
    Arc::new(Htpasswd::with_turns(path.into(), turns))
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_found_right_is_not_hashed_again_until_the_file_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    for turns in [1, 3] {
        let users = one_user(&path, turns);
        let right = || (0..1000).map(|_| ("a".to_owned(), "myPassword".to_owned()));
        assert_eq!(at_once(&users, right()).await, 1000);
        assert_eq!(at_once(&users, right()).await, 1000);
        assert_eq!(users.work().hashes, 1);
        // Nobody else is taken for them.
        assert!(!are(&users, "a", "mypassword").await && !are(&users, "am", "yPassword").await);
        assert_eq!(users.work().hashes, 3);
        std::fs::write(&path, format!("a:{}\n\n", HASHES[0])).unwrap();
        assert_eq!(at_once(&users, right()).await, 1000);
        assert_eq!(users.work().hashes, 4);
        std::fs::write(&path, format!("b:{}\n", HASHES[0])).unwrap();
        assert!(!are(&users, "a", "myPassword").await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_wrong_ones_at_once_are_hashed_a_few_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    for turns in [1, 3] {
        let users = one_user(&folder.path().join("users"), turns);
        let wrong = |n: usize| {
            (if n.is_multiple_of(2) { "a" } else { "b" }.to_owned(), format!("wrong {n}"))
        };
        assert_eq!(at_once(&users, (0..40).map(wrong)).await, 0);
        let work = users.work();
        assert!(work.hashes == 40 && work.most_at_once <= turns, "{turns}: {work:?}");
    }
}

#[tokio::test]
async fn clients_that_do_not_wait_for_their_hash_do_not_add_to_those_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let users = one_user(&folder.path().join("users"), 1);
    for n in 0..40 {
        let verifying = Arc::clone(&users).verify("a".into(), format!("wrong {n}").into());
        _ = tokio::time::timeout(std::time::Duration::from_millis(1), verifying).await;
    }
    assert!(are(&users, "a", "myPassword").await);
    assert_eq!(users.work().most_at_once, 1);
}

#[tokio::test]
async fn what_no_file_could_have_is_not_hashed() {
    let folder = tempfile::tempdir().unwrap();
    let users = one_user(&folder.path().join("users"), 1);
    assert!(!are(&users, "a", &"p".repeat(MAX_SAID + 1)).await);
    assert!(!are(&users, &"u".repeat(MAX_SAID + 1), "myPassword").await);
    assert_eq!(users.work().hashes, 0);
}
