//! Sessions that are cut short while real clients are recorded.

use std::process::Output;

use crate::harness::{Bench, http, program};

#[track_caller]
fn runs(output: &Output) -> String {
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_newest_exchanges_of_curl_are_kept() {
    let test = "the_newest_exchanges_of_curl_are_kept";
    let Some(_curl) = program(test, "curl") else { return };
    let (bench, origin) = (Bench::new(), http());
    let url = |number: &u32| format!("http://localhost:{}/{number}", origin.port());
    let record = |keep: &[&str], numbers: std::ops::Range<u32>| {
        let mut command = bench.sidestream(["run", "--session", "a.session"]);
        command.args(keep).args(["--", "sh", "-c", "for url; do curl -sS $url || exit; done", "-"]);
        runs(&command.args(numbers.map(|number| url(&number))).output().unwrap());
    };
    let listed = || {
        let output = bench.sidestream(["export", "csv", "a.session", "--columns", "url"]).output();
        let text = runs(&output.unwrap());
        text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    record(&["--keep-exchanges", "3"], 1..8);
    assert_eq!(listed(), (5..8).map(|number| url(&number)).collect::<Vec<_>>());
    // The rest was continued without a bound, and then cut again.
    record(&[], 8..10);
    assert_eq!(listed(), (5..10).map(|number| url(&number)).collect::<Vec<_>>());
    record(&["--keep-exchanges", "2", "--keep-age", "1d", "--keep-size", "1G"], 10..11);
    assert_eq!(listed(), (9..11).map(|number| url(&number)).collect::<Vec<_>>());
    runs(&bench.sidestream(["session", "verify", "a.session"]).output().unwrap());

    let alone = bench.sidestream(["run", "--keep-age", "7d", "--", "true"]).output().unwrap();
    let err = String::from_utf8_lossy(&alone.stderr);
    assert!(err.contains("add --session FILE"), "{err}");
    let wrong = bench.sidestream(["run", "--keep-age", "7", "--", "true"]).output().unwrap();
    let err = String::from_utf8_lossy(&wrong.stderr);
    assert!(err.contains("use a number of s, m, h or d"), "{err}");
}
