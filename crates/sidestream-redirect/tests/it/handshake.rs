//! How it begins, and how it does not.

use sidestream_ipc::{Hello, Message, Refused, Start};
use sidestream_redirect::{Redirector, StartError};

use crate::redirector::{Fake, STARTED, meet, options};

/// What is told where a start fails.
async fn failure(meanwhile: impl AsyncFnOnce(&mut Fake)) -> String {
    let (started, _fake) = meet(4096, meanwhile).await;
    let error = started.unwrap_err();
    assert!(!matches!(error, StartError::System(_)), "{error:?}");
    error.to_string()
}

#[tokio::test]
async fn what_is_captured_is_said_and_what_it_can_do_is_known() {
    let (redirector, _fake) = meet(3, async |fake: &mut Fake| {
        let start = Start { spec: "curl".to_owned(), reset_existing: true };
        assert_eq!(fake.greet().await, Message::Start(start));
        fake.say(&Message::Started(STARTED)).await;
    })
    .await;
    assert_eq!(redirector.unwrap().started, STARTED);
}

#[tokio::test]
async fn one_that_cannot_capture_says_why() {
    let words = failure(async |fake: &mut Fake| {
        fake.greet().await;
        let what = "the driver is not signed".to_owned();
        fake.say(&Message::Refused(Refused { what, remedy: Some("allow it".to_owned()) })).await;
    })
    .await;
    assert_eq!(words, "the driver is not signed: allow it");
}

#[tokio::test]
async fn one_of_another_version_is_named() {
    let words = failure(async |fake: &mut Fake| {
        let program = "fake 0.1".to_owned();
        fake.say(&Message::Hello(Hello { version: 1, program })).await;
    })
    .await;
    assert_eq!(words, "the redirector is not understood");
}

#[tokio::test]
async fn one_that_says_what_is_not_due_is_left() {
    let words = failure(async |fake: &mut Fake| fake.say(&Message::Beat).await).await;
    assert!(words.starts_with("the redirector sent `beat` out of turn"), "{words}");
    let words = failure(async |fake: &mut Fake| {
        fake.greet().await;
        fake.say(&Message::Closed { flow: 1 }).await;
        fake.say(&Message::Stop).await;
    })
    .await;
    assert!(words.starts_with("the redirector sent `stop` out of turn"), "{words}");
}

#[tokio::test(start_paused = true)]
async fn one_that_is_silent_is_given_up() {
    let words = failure(async |_: &mut Fake| {}).await;
    assert_eq!(words, "the redirector did not answer within 30 s; end it and try again");
}

#[tokio::test]
async fn one_that_hangs_up_is_told() {
    let (ours, theirs) = tokio::io::duplex(4096);
    drop(theirs);
    let started = Redirector::start(ours, options()).await;
    // It is noticed by what is written, or by what is read.
    assert!(matches!(started, Err(StartError::Ended | StartError::System(_))));
}
