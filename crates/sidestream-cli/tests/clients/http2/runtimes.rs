//! Python, Node, Go and Java over HTTP/2.

use std::process::Command;

use sidestream_testkit::skip;

use super::{Play, check_version};
use crate::go;
use crate::harness::{Bench, program};
use crate::modern::Modern;

#[test]
fn python_httpx_speaks_http2() {
    let test = "python_httpx_speaks_http2";
    let Some(play) = Play::https(test, "python3") else { return };
    let has = Command::new(&play.program).args(["-c", "import httpx, h2"]).output().unwrap();
    if !has.status.success() {
        return skip(test, "no httpx with HTTP/2 for python3 here");
    }
    let script = "import sys, httpx
with httpx.Client(http2=True) as client:
    for n in range(3):
        answer = client.post(sys.argv[1] + str(n), content=b'x' * 100_000)
        sys.stdout.write(answer.http_version + ' ' + answer.text)";
    let url = play.url("py");
    let seen = play.run(&["-c", script, &url]);
    seen.check_success();
    for path in ["py0", "py1", "py2"] {
        seen.check("POST", path, "HTTP/2");
    }
    assert!(seen.ran.stdout.starts_with("HTTP/2 POST /py0 by HTTP/2.0, 100000 bytes\n"));
}

#[test]
fn node_http2_module() {
    let Some(play) = Play::https("node_http2_module", "node") else { return };
    let script = "
const url = new URL(process.argv[1]);
const session = require('node:http2').connect(url.origin, { family: 4 });
const stream = session.request({ ':path': url.pathname, 'x-odd': ['a', 'b'] });
const print = (what) => (fields) => console.log(what, JSON.stringify(fields));
stream.on('headers', print('hint')).on('response', print('head')).on('trailers', print('trailers'));
stream.on('data', (data) => process.stdout.write(data)).on('close', () => session.close());";
    let url = play.url("rich");
    let seen = play.run(&["-e", script, &url]);
    seen.check_success().check("GET", "rich", "HTTP/2");
    assert!(seen.ran.stdout.ends_with("rich\ntrailers {\"x-sum\":\"b\"}\n"), "{}", seen.ran.stdout);
}

#[test]
fn node_fetch_keeps_to_http1() {
    let Some(play) = Play::https("node_fetch_keeps_to_http1", "node") else { return };
    let script =
        "fetch(process.argv[1]).then(r => r.text()).then(text => process.stdout.write(text))";
    let url = play.url("fetch");
    let seen = play.run(&["-e", script, &url]);
    seen.check_success().check("GET", "fetch", "HTTP/1.1");
}

#[test]
fn go_multiplexes() {
    const SOURCE: &str = r#"
package main

import ("fmt"; "io"; "net/http"; "os"; "sync")

func get(url string) string {
	response, err := http.Get(url)
	if err != nil { panic(err) }
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil { panic(err) }
	return response.Proto + " " + string(body)
}

func main() {
	answers := make([]string, 40)
	answers[0] = get(os.Args[1] + "0")
	var all sync.WaitGroup
	for n := 1; n < len(answers); n++ {
		all.Add(1)
		go func(n int) { defer all.Done(); answers[n] = get(fmt.Sprint(os.Args[1], n)) }(n)
	}
	all.Wait()
	for _, answer := range answers { fmt.Print(answer) }
}
"#;
    let Some(mut play) = Play::https("go_multiplexes", "go") else { return };
    play.program = go::build(&play.program, &play.bench, SOURCE);
    let url = play.url("go/");
    let seen = play.run(&[&url]);
    seen.check_success();
    for n in 0..40 {
        seen.check("GET", &format!("go/{n}"), "HTTP/2");
    }
    assert_eq!(seen.requests[0]["version"], "2.0");
}

#[test]
fn java_http_client_speaks_http2() {
    const SOURCE: &str = r#"
import java.net.URI;
import java.net.http.*;

public class Fetch {
    public static void main(String[] args) throws Exception {
        var client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_2).build();
        var body = HttpRequest.BodyPublishers.ofByteArray(new byte[100_000]);
        var request = HttpRequest.newBuilder(URI.create(args[0])).POST(body).build();
        var answer = client.send(request, HttpResponse.BodyHandlers.ofString());
        System.out.print(answer.version() + " " + answer.body());
    }
}
"#;
    let test = "java_http_client_speaks_http2";
    let Some(java) = program(test, "java") else { return };
    let bench = Bench::new();
    let Some(origin) = Modern::https(test, &bench) else { return };
    let source = bench.write("Fetch.java", SOURCE);
    let url = origin.url("https", "java");
    // It has to be told in its own way to trust the origin, so it is not run without us.
    let ran = bench.run([java.to_str().unwrap(), source.to_str().unwrap(), &url]);
    ran.check_success("HTTP_2 POST /java by HTTP/2.0, 100000 bytes\n");
    check_version(ran.check_http("POST", &url, 200, "java"), "HTTP/2");
}
