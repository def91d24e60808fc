//! Node, which carries its roots inside.

use crate::harness::{ANSWER, Bench, program};

fn check(test: &str, script: &str) {
    let Some(node) = program(test, "node") else { return };
    let bench = Bench::new();
    let origin = bench.https();
    let url = format!("https://localhost:{}/js", origin.port());
    let ran = bench.run([node.to_str().unwrap(), "-e", script, &url]);
    ran.check_success(ANSWER).check_http("GET", &url, 200, "node");
    assert_eq!(origin.requests()[0].target(), "/js");
}

#[test]
pub(crate) fn node_https() {
    check(
        "node_https",
        "require('https').get(process.argv[1], {agent: false, family: 4}, r => r.pipe(process.stdout))",
    );
}

#[test]
pub(crate) fn node_fetch() {
    check(
        "node_fetch",
        "fetch(process.argv[1]).then(r => r.text()).then(t => process.stdout.write(t))",
    );
}
