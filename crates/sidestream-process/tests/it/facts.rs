//! What specs say about records.

use std::sync::Arc;

use sidestream_flow::{Container, Process, User};
use sidestream_process::{Lineage, decide, facts, residual};
use sidestream_spec::{Fact, Facts, Spec, Verdict};

fn process() -> Process {
    let init = Process { pid: 1, name: "systemd".into(), ..Process::default() };
    let make = Process {
        pid: 40,
        path: Some("/usr/bin/make".into()),
        parent: Some(Arc::new(init)),
        ..Process::default()
    };
    Process {
        pid: 42,
        name: "worker".into(),
        path: Some("/usr/bin/curl".into()),
        user: Some(User { uid: 1000, name: Some("ada".into()) }),
        effective_user: Some(User { uid: 0, name: Some("root".into()) }),
        cgroup: Some("/system.slice/web.service".into()),
        unit: Some("web.service".into()),
        container: Some(Container {
            id: "3f6785b9e4a1c0d2".into(),
            name: Some("shop".into()),
            image: Some("docker.io/library/nginx:1.27".into()),
            runtime: Some("docker".into()),
        }),
        parent: Some(Arc::new(make)),
        ..Process::default()
    }
}

#[track_caller]
fn check(spec: &str, intercepts: bool) {
    let expected = if intercepts { Verdict::Intercept } else { Verdict::Pass };
    assert_eq!(decide(&spec.parse().unwrap(), &process()), expected, "{spec}");
}

#[test]
fn every_item_on_a_process_is_decided_by_its_record() {
    check("curl", true);
    check("name:curl", true);
    check("name:worker", false);
    check("path:/usr/bin/*", true);
    check("42", true);
    check("user:ada", true);
    check("user:1000", true);
    check("user:root", false);
    check("cgroup:/system.slice/*", true);
    check("unit:web", true);
    check("container:shop", true);
    check("container:3f6785b9e4a1", true);
    check("container:nginx", true);
    check("tree:make", true);
    check("tree:pid:1", true);
    check("!tree:make", false);
}

#[test]
fn what_a_record_lacks_is_absent_and_keeps_nothing_open() {
    let bare = Process { pid: 7, ..Process::default() };
    for item in ["curl", "user:root", "cgroup:*", "unit:x", "container:x", "tree:curl"] {
        let spec: Spec = item.parse().unwrap();
        assert_eq!(decide(&spec, &bare), Verdict::Pass, "{item}");
    }
    assert_eq!(facts(&bare).path, Fact::Absent);
}

#[test]
fn what_is_left_is_on_destinations_alone() {
    let left = |spec: &str| residual(&spec.parse().unwrap(), &process());
    assert_eq!(left("curl,!port:22,tree:wget"), "!port:22".parse().unwrap());
    assert_eq!(left("wget,host:*.test"), "host:*.test".parse().unwrap());
    assert_eq!(left("tree:make,!user:root"), Spec::everything());
    assert_eq!(left("wget"), Spec::nothing());
}

#[test]
fn a_lineage_serves_all_flows_of_a_process() {
    let process = process();
    let lineage = Lineage::new(&process);
    let spec: Spec = "tree:make,!port:22".parse().unwrap();
    let to =
        |port| Facts { destination: Fact::Known(([192, 0, 2, 1], port).into()), ..lineage.facts() };
    assert_eq!(spec.decide(&to(443)), Verdict::Intercept);
    assert_eq!(spec.decide(&to(22)), Verdict::Pass);
}
