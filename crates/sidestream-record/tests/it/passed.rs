//! How flows read that were passed as they are.

use std::time::{Duration, SystemTime};

use insta::assert_snapshot;
use sidestream_flow::Transport;
use sidestream_record::{Closed, Event, Failure, PassReason, Passed};

use crate::lines;

fn flow(why: PassReason, failure: Option<Failure>) -> String {
    let passed = Event::Passed(Box::new(Passed { why, offered: None }));
    lines(Transport::Tcp, [passed, Event::Closed(Closed { received: 517, sent: 4000, failure })])
}

#[test]
fn a_passed_flow_says_why() {
    let until = SystemTime::UNIX_EPOCH + Duration::from_secs(9 * 60 + 1);
    let reasons = [
        PassReason::Refused { host: "a.test".into(), until },
        PassReason::Hosts { host: Some("a.test".into()) },
        PassReason::Hosts { host: None },
        PassReason::Spec { host: Some("a.test".into()) },
        PassReason::Spec { host: None },
        PassReason::Unsupported { what: "TLS before 1.2".into() },
        PassReason::Untrusted,
    ];
    let lines: Vec<_> = reasons.into_iter().map(|why| flow(why, None)).collect();
    assert_snapshot!(lines.join("\n"), @"
    ?  TCP  192.0.2.1:443  passed for another 10 min: the program refused our certificate for a.test  517 B up, 3.9 KiB down  2 ms
    ?  TCP  192.0.2.1:443  passed: a.test is not to be looked into  517 B up, 3.9 KiB down  2 ms
    ?  TCP  192.0.2.1:443  passed: the host is not to be looked into  517 B up, 3.9 KiB down  2 ms
    ?  TCP  192.0.2.1:443  passed: the spec does not select a.test  517 B up, 3.9 KiB down  2 ms
    ?  TCP  192.0.2.1:443  passed: the spec selects by name, and the host's is not known  517 B up, 3.9 KiB down  2 ms
    ?  TCP  192.0.2.1:443  passed: TLS before 1.2 is not spoken here  517 B up, 3.9 KiB down  2 ms
    ?  TCP  192.0.2.1:443  passed: our root is not trusted on this machine  517 B up, 3.9 KiB down  2 ms
    ");
}

#[test]
fn a_passed_flow_that_failed_says_how() {
    assert_snapshot!(flow(PassReason::Untrusted, Some(Failure::Stopped)), @"?  TCP  192.0.2.1:443  the proxy was stopped  517 B up, 3.9 KiB down  2 ms");
}
