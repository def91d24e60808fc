//! Two sides of different versions.

use sidestream_ipc::{DecodeError, Decoder, Hello, Message, VERSION, encode};

#[track_caller]
fn check(version: u32, expected: Option<&str>) {
    let hello = Hello { version, program: "sidestream-helper 9.9".to_owned() };
    let mut bytes = Vec::new();
    encode(&Message::Hello(hello.clone()), &mut bytes).unwrap();
    let mut decoder = Decoder::new();
    decoder.feed(&bytes);
    let decoded = decoder.poll_message();
    let Some(expected) = expected else {
        assert_eq!(decoded, Ok(Some(Message::Hello(hello))));
        return;
    };
    let error = decoded.unwrap_err();
    assert_eq!(error, DecodeError::Version { version, program: hello.program });
    assert_eq!(error.to_string(), expected);
    assert_eq!(decoder.poll_message(), Err(error));
}

#[test]
fn another_version_is_refused_and_the_older_side_is_to_be_updated() {
    check(VERSION, None);
    check(
        VERSION + 1,
        Some(
            "sidestream-helper 9.9 speaks version 3 of the helper's protocol and this program \
             version 2; update this program, so that both come from the same release",
        ),
    );
    check(
        VERSION - 1,
        Some(
            "sidestream-helper 9.9 speaks version 1 of the helper's protocol and this program \
             version 2; update sidestream-helper 9.9, so that both come from the same release",
        ),
    );
}

#[test]
fn a_greeting_carries_this_version() {
    assert_eq!(Hello::new("x"), Hello { version: VERSION, program: "x".to_owned() });
}
