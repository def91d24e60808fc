//! What is decided once for all flows is what each flow would be decided to be.

use std::net::SocketAddr;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use sidestream_spec::{Container, Fact, Facts, ProcessFacts, Spec, User, Verdict};

use super::{Decision, Decisions, decide};

const ITEMS: [&str; 16] = [
    "a",
    "1",
    "0",
    "name:b*",
    "user:a",
    "user:1",
    "cgroup:*a",
    "unit:a",
    "container:a",
    "tree:a",
    "tree:1",
    "tree:unit:a",
    "port:1",
    "port:2",
    "host:a*",
    "net:10.0.0.0/8",
];

fn spec() -> impl Strategy<Value = Spec> {
    let item = (any::<bool>(), select(&ITEMS[..]));
    let item = item.prop_map(|(no, item)| format!("{}{item}", if no { "!" } else { "" }));
    vec(item, 0..7).prop_map(|items| items.join(",").parse().unwrap())
}

fn process() -> impl Strategy<Value = ProcessFacts<'static>> {
    let user = select(vec![(0, None), (1, None), (2, Some("a"))]);
    let container = select(vec![None, Some("a"), Some("b")]);
    let unit = select(vec![None, Some("a.service"), Some("b")]);
    (1..4_u32, select(vec!["/a", "/b", "/c/bb"]), user, unit, container).prop_map(
        |(pid, path, (uid, name), unit, container)| {
            let process = ProcessFacts {
                pid: pid.into(),
                user: User { uid: Some(uid), name }.into(),
                cgroup: "/a".into(),
                unit: Fact::or_absent(unit),
                container: Fact::or_absent(
                    container.map(|id| Container { id, ..Container::default() }),
                ),
                ..ProcessFacts::default()
            };
            process.with_path(path)
        },
    )
}

/// What a decision means for a flow.
fn of_flow(decision: &Decision, destination: SocketAddr, host: &'static str) -> Verdict {
    let facts = Facts { destination: destination.into(), host: host.into(), ..Facts::default() };
    match decision {
        Decision::Intercept => Verdict::Intercept,
        Decision::Pass => Verdict::Pass,
        Decision::Residual(spec) => spec.decide(&facts),
    }
}

proptest! {
    #[test]
    fn a_process_is_decided_like_each_of_its_flows(
        spec in spec(),
        process in process(),
        ancestors in vec(process(), 0..3),
        destination in select(vec!["10.0.0.1:1", "192.0.2.1:2", "[2001:db8::1]:3"]),
        host in select(vec!["a.test", "b.test"]),
        pid in 1..4_u32,
    ) {
        let destination: SocketAddr = destination.parse().unwrap();
        let Decisions { own, child, is_in_tree: _ } = decide(&spec, process, &ancestors, Fact::Unknown);
        let facts = Facts {
            process,
            ancestors: Fact::Known(&ancestors),
            destination: destination.into(),
            host: host.into(),
        };
        prop_assert_eq!(of_flow(&own, destination, host), spec.decide(&facts));

        // A child, and a child of that, whatever pids they get.
        let Some(child) = child else { return Ok(()) };
        let mut line = ancestors;
        let mut process = process;
        for pid in [pid, 3] {
            line.insert(0, process);
            process = ProcessFacts { pid: pid.into(), ..process };
            let facts = Facts {
                process,
                ancestors: Fact::Known(&line),
                destination: destination.into(),
                host: host.into(),
            };
            prop_assert_eq!(of_flow(&child, destination, host), spec.decide(&facts));
        }
    }
}

#[track_caller]
fn check(spec: &str, own: Decision, child: Option<Decision>) {
    let process = ProcessFacts { pid: 42.into(), ..ProcessFacts::ABSENT };
    let process = process.with_path("/usr/bin/curl");
    let parent = ProcessFacts { pid: 7.into(), ..ProcessFacts::ABSENT }.with_path("/usr/bin/make");
    let spec: Spec = spec.parse().unwrap();
    let decided = decide(&spec, process, &[parent], Fact::Unknown);
    assert_eq!((decided.own, decided.child), (own, child), "{spec}");
}

#[test]
fn a_child_is_undecided_only_where_its_pid_counts() {
    use Decision::{Intercept, Pass};
    check("curl", Intercept, Some(Intercept));
    check("wget", Pass, Some(Pass));
    check("pid:42", Intercept, None);
    check("pid:7", Pass, None);
    check("tree:pid:42", Intercept, Some(Intercept));
    check("tree:make", Intercept, Some(Intercept));
    check("tree:pid:9", Pass, None);
    check("curl,pid:9", Intercept, Some(Intercept));
    check("!0", Intercept, Some(Intercept));
    check("", Pass, Some(Pass));
}

#[test]
fn a_process_is_in_a_tree_with_itself_and_its_ancestors() {
    let process = |path| ProcessFacts { pid: 42.into(), ..ProcessFacts::ABSENT }.with_path(path);
    let is_in_tree = |spec: &str| {
        let (spec, parent) = (spec.parse().unwrap(), [process("/bin/make")]);
        decide(&spec, process("/bin/cc"), &parent, Fact::Unknown).is_in_tree
    };
    assert_eq!(["tree:cc", "!tree:make", "cc,tree:/bin"].map(is_in_tree), [true; 3]);
    assert_eq!(["cc", "tree:ld", "make,tree:pid:7"].map(is_in_tree), [false; 3]);
}

#[test]
fn the_pid_of_a_child_is_none_that_is_taken() {
    let process = ProcessFacts { pid: 42.into(), ..ProcessFacts::ABSENT };
    let child = |spec: &str| decide(&spec.parse().unwrap(), process, &[], Fact::Known(0)).child;
    assert_eq!(child("pid:7"), Some(Decision::Pass));
    assert_eq!(child("pid:42"), Some(Decision::Pass));
    assert_eq!(child("tree:pid:42"), Some(Decision::Intercept));
    assert_eq!(child("!pid:42"), Some(Decision::Intercept));
}

#[test]
fn what_depends_on_where_it_goes_is_left() {
    let left = |spec: &str| Decision::Residual(spec.parse().unwrap());
    check("curl,!port:22", left("!port:22"), Some(left("!port:22")));
    check("wget,port:80,host:a", left("port:80,host:a"), Some(left("port:80,host:a")));
    check("pid:42,!net:10.0.0.0/8", left("!net:10.0.0.0/8"), None);
}
