//! Proxies that do not behave, and sockets that are not theirs.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixListener;

use sidestream_ipc::{Hello, Message, Refused, Start};

use crate::actor::Actor;
use crate::ground::{USER, on_ground, on_ground_of_a_user};
use crate::proxy::Helper;

#[test]
fn a_proxy_that_never_answers_is_left() {
    if !on_ground("handshake::a_proxy_that_never_answers_is_left") {
        return;
    }
    let (mut helper, _line) = Helper::start(&[]);
    let (status, words) = helper.end();
    assert!(!status.success());
    assert_eq!(words, "sidestream-helper: the proxy did not answer within 10 seconds\n");
}

#[test]
fn a_proxy_that_does_not_knock_is_refused() {
    if !on_ground("handshake::a_proxy_that_does_not_knock_is_refused") {
        return;
    }
    let (mut helper, mut line) = Helper::start(&[]);
    line.send(&Message::Hello(Hello::new("test")));
    line.send(&Message::Start(Start { spec: "!0".to_owned(), reset_existing: false }));
    line.send(&Message::Knocked);
    let refused = loop {
        if let (Message::Refused(Refused { what, .. }), _) = line.receive().unwrap() {
            break what;
        }
    };
    assert_eq!(refused, "the proxy did not knock");
    assert_eq!(helper.end().1, "sidestream-helper: the proxy did not knock\n");
}

#[test]
fn a_spec_that_does_not_parse_is_refused() {
    if !on_ground("handshake::a_spec_that_does_not_parse_is_refused") {
        return;
    }
    let (mut helper, mut line) = Helper::start(&[]);
    let answer = line.start("curl,", false);
    assert!(matches!(answer, Message::Refused(_)), "{answer:?}");
    assert!(!helper.end().0.success());
}

#[test]
fn garbage_ends_the_helper_with_a_reason() {
    if !on_ground("handshake::garbage_ends_the_helper_with_a_reason") {
        return;
    }
    let (mut helper, mut line) = Helper::start(&[]);
    line.stream.write_all(&[0xff; 64]).unwrap();
    let (status, words) = helper.end();
    assert!(!status.success());
    assert!(words.contains("the proxy cannot be understood: the frame at byte 0"), "{words}");
}

#[test]
fn a_message_out_of_turn_ends_the_helper_with_a_reason() {
    if !on_ground("handshake::a_message_out_of_turn_ends_the_helper_with_a_reason") {
        return;
    }
    let (mut helper, mut line) = Helper::start(&[]);
    assert!(matches!(line.start("pid:1", false), Message::Started(_)));
    line.send(&Message::Closed { flow: 1 });
    assert_eq!(helper.end().1, "sidestream-helper: the proxy said closed out of turn\n");
}

#[test]
fn a_socket_of_another_user_is_not_spoken_to() {
    if !on_ground("handshake::a_socket_of_another_user_is_not_spoken_to") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let _listener = UnixListener::bind(&path).unwrap();
    let path = path.to_str().unwrap();
    let (status, words) = Helper::spawn(path, &["--uid", &USER.to_string()]).end();
    assert!(!status.success());
    let expected = format!("the socket at {path} belongs to user 0 and not to user {USER}");
    assert_eq!(words, format!("sidestream-helper: {expected}\n"));
}

#[test]
fn a_proxy_of_another_user_is_not_spoken_to() {
    if !on_ground("handshake::a_proxy_of_another_user_is_not_spoken_to") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
    let path = folder.path().join("socket");
    let path = path.to_str().unwrap();
    let mut stranger = Actor::client_of(USER);
    assert_eq!(stranger.ask(&format!("listen {path}")), "listens");
    // Whose file it is says nothing about who waits.
    chown(path, Some(0), Some(0)).unwrap();
    let (status, words) = Helper::spawn(path, &["--uid", "0"]).end();
    assert!(!status.success());
    let expected = format!("the socket at {path} belongs to user {USER} and not to user 0");
    assert_eq!(words, format!("sidestream-helper: {expected}\n"));
}

#[test]
fn an_installed_helper_speaks_to_nobody_but_its_own_user() {
    if !on_ground_of_a_user("handshake::an_installed_helper_speaks_to_nobody_but_its_own_user") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let path = path.to_str().unwrap();
    let mut root = Actor::client_of(0);
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
    assert_eq!(root.ask(&format!("listen {path}")), "listens");
    let (status, words) = Helper::spawn(path, &[]).end();
    assert!(!status.success());
    let expected = format!("the socket at {path} belongs to user 0 and not to user {USER}");
    assert_eq!(words, format!("sidestream-helper: {expected}\n"));
}

#[test]
fn who_knocks_in_the_place_of_the_proxy_is_not_taken_for_it() {
    if !on_ground("handshake::who_knocks_in_the_place_of_the_proxy_is_not_taken_for_it") {
        return;
    }
    let mut other = Actor::client();
    let (mut helper, mut line) = Helper::start(&[]);
    line.send(&Message::Hello(Hello::new("test")));
    line.send(&Message::Start(Start { spec: "!0".to_owned(), reset_existing: false }));
    let refused = loop {
        match line.receive().unwrap().0 {
            Message::Knock(addr) => {
                other.udp(addr);
                line.send(&Message::Knocked);
            }
            Message::Refused(Refused { what, .. }) => break what,
            _ => {}
        }
    };
    let (own, other) = (std::process::id(), other.pid());
    let expected = format!("process {other} knocked in place of the proxy, whose id is {own}");
    assert!(refused.starts_with(&expected), "{refused}");
    assert!(!helper.end().0.success());
}

#[test]
fn a_socket_that_is_not_there_is_told() {
    if !on_ground("handshake::a_socket_that_is_not_there_is_told") {
        return;
    }
    let (status, words) = Helper::spawn("/nonexistent/socket", &[]).end();
    assert!(!status.success());
    assert!(
        words.starts_with("sidestream-helper: no proxy waits at /nonexistent/socket"),
        "{words}"
    );
}
