//! A static Go program: no C library, and so nothing that could be preloaded.

use std::process::Command;

use sidestream_testkit::is_root;

use crate::harness::{ANSWER, Bench, program};

pub(crate) const SOURCE: &str = r#"
package main

import (
	"io"
	"net/http"
	"os"
)

func main() {
	response, err := http.Get(os.Args[1])
	if err != nil {
		panic(err)
	}
	io.Copy(os.Stdout, response.Body)
}
"#;

/// Builds a program and gives its path.
pub(crate) fn build(go: &str, bench: &Bench, source: &str) -> String {
    bench.write("fetch.go", source);
    let mut build = Command::new(go);
    build.args(["build", "-o", "fetch", "fetch.go"]).current_dir(bench.folder.path());
    for (name, value) in [("CGO_ENABLED", "0"), ("GOPROXY", "off"), ("GOFLAGS", "-mod=mod")] {
        build.env(name, value);
    }
    // Whoever has no home that can be written to has no cache either.
    if !is_root() {
        build.env("GOCACHE", bench.path("cache")).env("HOME", bench.folder.path());
    }
    let built = build.output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    bench.path("fetch").to_str().unwrap().to_owned()
}

#[test]
pub(crate) fn static_go() {
    let Some(go) = program("static_go", "go") else { return };
    let bench = Bench::new();
    let fetch = build(go.to_str().unwrap(), &bench, SOURCE);
    let origin = bench.https();
    let url = format!("https://localhost:{}/go", origin.port());
    let ran = bench.run([&fetch, &url]);
    ran.check_success(ANSWER).check_http("GET", &url, 200, "fetch");
    assert_eq!(origin.requests()[0].target(), "/go");
}
