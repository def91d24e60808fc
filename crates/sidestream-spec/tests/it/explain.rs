//! Explanations, as values and as people see them.

use std::net::SocketAddr;

use insta::assert_snapshot;
use sidestream_spec::{Facts, Field, ProcessFacts, Spec, Truth, Verdict};

fn curl() -> Facts<'static> {
    let process = ProcessFacts { pid: 4711.into(), ..Default::default() };
    Facts { process: process.with_path("/usr/bin/curl"), ..Facts::default() }
}

fn curl_to(addr: &str) -> Facts<'static> {
    Facts { destination: addr.parse::<SocketAddr>().unwrap().into(), ..curl() }
}

fn explain(spec: &str, facts: &Facts<'_>) -> String {
    spec.parse::<Spec>().unwrap().explain(facts).to_string()
}

#[test]
fn it_names_the_item_that_decided() {
    let spec: Spec = "curl, !port:22, host:a".parse().unwrap();
    let explanation = spec.explain(&curl_to("192.0.2.1:22"));
    assert_eq!(explanation.verdict, Verdict::Needs(Field::Host.into()));
    assert_eq!(explanation.so_far, Verdict::Pass);
    assert_eq!(explanation.decided_by.unwrap().span(), 6..14);
    assert_eq!(explanation.needs(), Field::Host.into());
    let rows: Vec<_> =
        explanation.items.iter().map(|row| (row.text, row.truth, row.undecided)).collect();
    let open = Truth::Unknown(Field::Host.into());
    assert_eq!(
        rows,
        [("curl", Truth::True, false), ("!port:22", Truth::True, false), ("host:a", open, true)]
    );
}

#[test]
fn a_match_decides() {
    assert_snapshot!(explain(
        "wget, curl, !port:22, host:*.example.com",
        &curl_to("192.0.2.1:443")
    ), @r"
    intercept, by the last item that matches:

      wget, curl, !port:22, host:*.example.com
            ^^^^

      wget                intercept  false
      curl                intercept  true
      !port:22            pass       false
      host:*.example.com  intercept  unknown, but cannot change the verdict
      otherwise           pass
    ");
}

#[test]
fn an_exclusion_decides() {
    assert_snapshot!(explain("curl,!port:22", &curl_to("192.0.2.1:22")), @r"
    pass, by the last item that matches:

      curl,!port:22
           ^^^^^^^^

      curl       intercept  true
      !port:22   pass       true
      otherwise  pass
    ");
}

#[test]
fn nothing_matches() {
    assert_snapshot!(explain("wget, tree:git", &Facts::ABSENT), @r"
    pass, because no item matches

      wget       intercept  false
      tree:git   intercept  false
      otherwise  pass
    ");
}

#[test]
fn nothing_matches_and_the_first_item_excludes() {
    assert_snapshot!(explain("!wget", &curl()), @r"
    intercept, because no item matches and the first one excludes

      !wget      pass       false
      otherwise  intercept
    ");
}

#[test]
fn an_empty_spec_says_so() {
    assert_snapshot!(explain("", &curl()), @r"
    pass, because the spec is empty
    ");
}

#[test]
fn everything_says_so() {
    assert_snapshot!(Spec::everything().explain(&Facts::default()), @r"
    intercept, because no item matches and the first one excludes

      !0         pass       false
      otherwise  intercept
    ");
}

#[test]
fn an_undecided_spec_says_what_it_needs() {
    assert_snapshot!(explain("user:root, curl, !port:22, tree:pid:1, host:*.example.com", &curl()), @r"
    undecided, needs ancestors, destination, host; so far intercept, by the last item that matches:

      user:root, curl, !port:22, tree:pid:1, host:*.example.com
                 ^^^^

      user:root           intercept  unknown, but cannot change the verdict
      curl                intercept  true
      !port:22            pass       unknown, needs destination
      tree:pid:1          intercept  unknown, needs ancestors
      host:*.example.com  intercept  unknown, needs host
      otherwise           pass
    ");
}

#[test]
fn a_spec_of_which_nothing_is_known_needs_it_all() {
    assert_snapshot!(explain("curl,!port:22", &Facts::default()), @r"
    undecided, needs destination, name, path; so far pass, because no item matches

      curl       intercept  unknown, needs name, path
      !port:22   pass       unknown, needs destination
      otherwise  pass
    ");
}

#[test]
fn long_items_do_not_stretch_the_table() {
    let long = format!("path:/opt/{}/bin, curl, wget", "very-".repeat(12));
    assert_snapshot!(explain(&long, &curl()), @r"
    intercept, by the last item that matches:

      …ry-very-very-very-/bin, curl, wget
                               ^^^^

      path:/opt/very-very-very-very-very-very-very-very-very-very-very-very-/bin  intercept  false
      curl                              intercept  true
      wget                              intercept  false
      otherwise                         pass
    ");
}
