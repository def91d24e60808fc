//! A static Go program: no C library, and so nothing that could be preloaded.

use std::process::Command;

use sidestream_testkit::is_root;

use crate::harness::{ANSWER, Bench, program};

const SOURCE: &str = r#"
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

#[test]
fn static_go() {
    let Some(go) = program("static_go", "go") else { return };
    let bench = Bench::new();
    bench.write("fetch.go", SOURCE);
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
    let origin = bench.https();
    let url = format!("https://localhost:{}/go", origin.port());
    let ran = bench.run([bench.path("fetch").to_str().unwrap(), &url]);
    ran.check_success(ANSWER).check_http("GET", &url, 200, "fetch");
    assert_eq!(origin.requests()[0].target(), "/go");
}
