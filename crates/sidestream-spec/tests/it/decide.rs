//! What a spec says of known, missing and unknown facts.

use std::net::SocketAddr;

use sidestream_spec::Verdict::{Intercept, Needs, Pass};
use sidestream_spec::{Container, Fact, Facts, Field, ProcessFacts, Spec, User, Verdict};

fn shell() -> ProcessFacts<'static> {
    ProcessFacts { pid: 100.into(), ..ProcessFacts::ABSENT }.with_path("/bin/sh")
}

/// A process of which everything is known, with a shell as its parent.
fn curl<'a>(ancestors: &'a [ProcessFacts<'static>]) -> Facts<'a> {
    let process = ProcessFacts {
        pid: 4711.into(),
        user: User { uid: Some(33), name: Some("www-data") }.into(),
        cgroup: "/system.slice/nginx.service".into(),
        unit: "nginx.service".into(),
        container: Container {
            id: "0123456789abcdef0123",
            name: Some("web"),
            image: Some("localhost:5000/team/nginx:1.27@sha256:abc"),
        }
        .into(),
        ..ProcessFacts::default()
    };
    Facts {
        process: process.with_path("/usr/bin/curl"),
        ancestors: ancestors.into(),
        destination: "192.0.2.1:443".parse::<SocketAddr>().unwrap().into(),
        host: "www.Example.com".into(),
    }
}

#[track_caller]
fn check(spec: &str, expected: Verdict) {
    let ancestors = [shell()];
    assert_eq!(spec.parse::<Spec>().unwrap().decide(&curl(&ancestors)), expected, "{spec:?}");
}

fn needs<const N: usize>(fields: [Field; N]) -> Verdict {
    Needs(fields.into_iter().collect())
}

#[test]
fn the_empty_spec_intercepts_nothing() {
    check("", Pass);
    assert_eq!(Spec::nothing().decide(&Facts::default()), Pass);
}

#[test]
fn everything_is_everything_before_any_fact_is_known() {
    assert_eq!(Spec::everything().decide(&Facts::default()), Intercept);
    assert_eq!(Spec::everything().decide(&Facts::ABSENT), Intercept);
    let idle = ProcessFacts { pid: 0.into(), ..ProcessFacts::ABSENT };
    assert_eq!(
        Spec::everything().decide(&Facts { process: idle, ..Facts::ABSENT }),
        Intercept,
        "process 0 is no program"
    );
    assert_eq!("tree:0".parse::<Spec>().unwrap().decide(&Facts::default()), Pass);
}

#[test]
fn the_last_item_that_matches_decides() {
    check("curl", Intercept);
    check("wget", Pass);
    check("!curl", Pass);
    check("!wget", Intercept);
    check("curl,!4711", Pass);
    check("!4711,curl", Intercept);
    check("curl,!4711,user:www-data", Intercept);
    check("wget,!4711", Pass);
    check("!wget,!git", Intercept);
    check("!wget,git", Intercept);
}

#[test]
fn a_word_is_a_part_of_path_or_name_in_its_case() {
    check("bin/cu", Intercept);
    check("url", Intercept);
    check("Curl", Pass);
    check("*", Pass);
    check("cur?", Pass);
    let spec: Spec = "curl".parse().unwrap();
    let named = ProcessFacts { name: "curl".into(), ..ProcessFacts::ABSENT };
    assert_eq!(spec.decide(&Facts { process: named, ..Facts::ABSENT }), Intercept);
}

#[test]
fn a_path_of_windows_is_matched_on_every_system() {
    let process = ProcessFacts::ABSENT.with_path(r"C:\x\curl.exe");
    let facts = Facts { process, ..Facts::ABSENT };
    for spec in [r"C:\x\curl.exe", r"\curl", "name:curl.exe", r"path:?:\*\curl.exe"] {
        assert_eq!(spec.parse::<Spec>().unwrap().decide(&facts), Intercept, "{spec}");
    }
}

#[test]
fn each_item_matches_its_fact() {
    let table = [
        ("4711", "471"),
        ("pid:4711", "pid:1"),
        ("name:cu*", "name:url"),
        ("path:/usr/*/curl", "path:curl"),
        ("user:www-data", "user:www"),
        ("user:33", "user:3"),
        ("cgroup:/system.slice/*", "cgroup:/system.slice"),
        ("unit:nginx", "unit:ngin"),
        ("unit:nginx.service", "unit:nginx.socket"),
        ("container:web", "container:we"),
        ("container:nginx", "container:team"),
        ("container:nginx:1.27", "container:nginx:1.2"),
        ("container:localhost:5000/team/nginx", "container:team/nginx"),
        ("container:localhost:5000/team/nginx:1.27@sha256:abc", "container:1.27"),
        ("container:0123456789ab", "container:0123456789a"),
        ("container:0123456789abcdef0123", "container:123456789abcdef0123"),
        ("tree:curl", "tree:bash"),
        ("tree:sh", "tree:101"),
        ("tree:100", "tree:name:curl*h"),
        ("port:443", "port:80"),
        ("host:www.example.COM.", "host:example.com"),
        ("host:*.example.com", "host:*.example.org"),
        ("net:192.0.2.0/24", "net:198.51.100.0/24"),
    ];
    for (matching, other) in table {
        check(matching, Intercept);
        check(&format!("!{matching}"), Pass);
        check(other, Pass);
        check(&format!("!{other}"), Intercept);
    }
}

#[test]
fn a_root_dot_of_the_host_does_not_count() {
    let spec: Spec = "host:example.com".parse().unwrap();
    assert_eq!(spec.decide(&Facts { host: "EXAMPLE.com.".into(), ..Facts::default() }), Intercept);
}

#[test]
fn what_is_absent_does_not_match() {
    let items = [
        "curl",
        "1",
        "name:*",
        "path:*",
        "user:root",
        "cgroup:*",
        "unit:a",
        "container:a",
        "tree:a",
        "port:1",
        "host:*",
        "net:0.0.0.0/0",
    ];
    for item in items {
        assert_eq!(item.parse::<Spec>().unwrap().decide(&Facts::ABSENT), Pass, "{item}");
    }
}

#[test]
fn what_is_unknown_is_asked_for() {
    let table = [
        ("curl", needs([Field::Name, Field::Path])),
        ("1", needs([Field::Pid])),
        ("name:*", needs([Field::Name])),
        ("path:*", needs([Field::Path])),
        ("user:root", needs([Field::User])),
        ("cgroup:*", needs([Field::Cgroup])),
        ("unit:a", needs([Field::Unit])),
        ("container:a", needs([Field::Container])),
        ("tree:1", needs([Field::Ancestors, Field::Pid])),
        ("port:1", needs([Field::Destination])),
        ("host:*", needs([Field::Host])),
        ("net:0.0.0.0/0", needs([Field::Destination])),
    ];
    for (item, expected) in table {
        assert_eq!(item.parse::<Spec>().unwrap().decide(&Facts::default()), expected, "{item}");
    }
}

#[test]
fn what_cannot_change_the_verdict_is_not_asked_for() {
    let process = ProcessFacts::default().with_path("/usr/bin/curl");
    let facts = Facts { process, ..Facts::default() };
    let table = [
        ("host:a,curl", Intercept),
        ("curl,host:a", Intercept),
        ("!host:a,!curl", Pass),
        ("!wget,host:a", Intercept),
        ("wget,!host:a", Pass),
        ("curl,!host:a", needs([Field::Host])),
        ("curl,user:root,!host:a", needs([Field::Host])),
        ("curl,!host:a,user:root", needs([Field::Host, Field::User])),
        ("pid:1,curl,!host:a", needs([Field::Host])),
        ("!user:root,wget", needs([Field::User])),
    ];
    for (spec, expected) in table {
        assert_eq!(spec.parse::<Spec>().unwrap().decide(&facts), expected, "{spec}");
    }
}

#[test]
fn half_of_a_word_is_enough_if_it_matches() {
    let spec: Spec = "curl".parse().unwrap();
    let decide = |process| spec.decide(&Facts { process, ..Facts::default() });
    assert_eq!(decide(ProcessFacts { name: "curl".into(), ..Default::default() }), Intercept);
    assert_eq!(
        decide(ProcessFacts { name: "x".into(), ..Default::default() }),
        needs([Field::Path])
    );
    assert_eq!(
        decide(ProcessFacts { path: "/x".into(), ..Default::default() }),
        needs([Field::Name])
    );
}

#[test]
fn a_tree_asks_for_ancestors_only_while_they_matter() {
    let spec: Spec = "tree:100".parse().unwrap();
    let check = |process, ancestors: Fact<&[ProcessFacts<'_>]>, expected| {
        assert_eq!(spec.decide(&Facts { process, ancestors, ..Facts::default() }), expected);
    };
    let child = ProcessFacts { pid: 4711.into(), ..ProcessFacts::default() };
    let unseen = ProcessFacts::default();

    check(shell(), Fact::Unknown, Intercept);
    check(child, Fact::Unknown, needs([Field::Ancestors]));
    check(child, Fact::Absent, Pass);
    check(child, Fact::Known(&[]), Pass);
    check(child, Fact::Known(&[child, shell()]), Intercept);
    check(child, Fact::Known(&[child, unseen]), needs([Field::Ancestors]));
    check(child, Fact::Known(&[unseen, shell()]), Intercept);
    check(unseen, Fact::Known(&[child]), needs([Field::Pid]));
}
