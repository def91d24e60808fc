//! What is left of a spec once the process is known.

use sidestream_spec::{Facts, ProcessFacts, Spec};

/// Settles the spec for `/usr/bin/curl` with pid 4711; its flows are unknown.
#[track_caller]
fn check(spec: &str, expected: &str) {
    let process = ProcessFacts { pid: 4711.into(), ..ProcessFacts::ABSENT };
    let process = process.with_path("/usr/bin/curl");
    let facts = Facts { process, ancestors: [].as_slice().into(), ..Facts::default() };
    let residual = spec.parse::<Spec>().unwrap().residual(&facts);
    assert_eq!(residual.to_string(), expected, "{spec:?}");
    assert_eq!(residual, expected.parse().unwrap(), "it means what it prints");
    let items: Vec<_> = residual.items().map(|item| &residual.as_str()[item.span()]).collect();
    assert_eq!(items.join(","), residual.as_str());
}

#[test]
fn what_is_decided_is_everything_or_nothing() {
    check("", "");
    check("curl", "!0");
    check("wget", "");
    check("!curl", "");
    check("!wget", "!0");
    check("curl,!pid:4711", "");
    check("curl,port:443", "!0");
    check("port:443,curl", "!0");
    check("wget,!port:443", "");
}

#[test]
fn what_is_open_is_kept_as_it_was_written() {
    check("curl, ! port: 22", "! port: 22");
    check("wget,port:443", "port:443");
    check("curl,!port:22,host:a,wget,!net:10.0.0.0/8", "!port:22,host:a,!net:10.0.0.0/8");
    check("tree:curl,!host:b", "!host:b");
}

#[test]
fn what_a_known_item_overrides_is_dropped() {
    check("port:80,curl,!port:22", "!port:22");
    check("port:80,!port:22,!curl,host:a", "host:a");
}

#[test]
fn what_says_the_same_as_before_is_dropped() {
    check("curl,port:80,!port:22,port:443", "!port:22,port:443");
    check("!wget,port:80,!port:22", "!port:22");
    check("!curl,!port:80,host:a", "host:a");
}

#[test]
fn what_is_left_is_settled_again() {
    let spec: Spec = "curl,!port:22".parse().unwrap();
    let process = ProcessFacts::ABSENT.with_path("/usr/bin/curl");
    let once = spec.residual(&Facts { process, ..Facts::default() });
    let to = |addr: &str| Facts {
        destination: addr.parse::<std::net::SocketAddr>().unwrap().into(),
        ..Facts::default()
    };
    assert_eq!(once.residual(&to("192.0.2.1:22")), Spec::nothing());
    assert_eq!(once.residual(&to("192.0.2.1:443")), Spec::everything());
}
