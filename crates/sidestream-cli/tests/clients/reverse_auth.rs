//! Mode `reverse`, for clients that have to give a user and a password.

use std::process::Command;

use serde_json::Value;

use crate::harness::{ANSWER, Bench, http, program};
use crate::modern::Modern;
use crate::reverse::{Ours, check, curl, start};

/// `someone:hush-hush` as it goes over the wire.
const TOKEN: &str = "c29tZW9uZTpodXNoLWh1c2g=";

/// Returns what curl gets of a path, by its status alone, with the version that it spoke.
fn status(bench: &Bench, url: &str, args: &[&str]) -> String {
    let told = ["-o", "/dev/null", "-w", "%{http_code} %{http_version}"];
    let output = curl(bench, &[&told[..], args, &[url]].concat());
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Returns the fields of a request that Node got, with their values.
fn field<'a>(request: &'a Value, name: &str) -> Option<&'a str> {
    let headers = request["headers"].as_array().unwrap();
    let of_name = |pair: &&[Value]| pair[0].as_str().unwrap().eq_ignore_ascii_case(name);
    headers.chunks(2).find(of_name)?[1].as_str()
}

#[test]
fn a_server_is_reached_by_who_gives_the_password() {
    let test = "a_server_is_reached_by_who_gives_the_password";
    let Some(_curl) = program(test, "curl") else { return };
    let (bench, origin) = (Bench::new(), http());
    let session = bench.path("flows.sidestream");
    let options = ["--proxy-auth", "someone:hush-hush", "-vv", "--show-secrets", "--session"];
    let options = [&options[..], &[session.to_str().unwrap()]].concat();
    let ours = start(&bench, &format!("http://127.0.0.1:{}", origin.port()), &options);
    for scheme in ["http", "https"] {
        let url = format!("{scheme}://localhost:{}/", ours.port);
        check(&curl(&bench, &["-u", "someone:hush-hush", &url]), &format!("{ANSWER}1.1"));
        // Asked for it first, as a browser does.
        let any = curl(&bench, &["--anyauth", "-u", "someone:hush-hush", &url]);
        assert!(String::from_utf8_lossy(&any.stdout).ends_with(&format!("{ANSWER}1.1")), "{any:?}");
        assert_eq!(status(&bench, &url, &["-u", "someone:wrong"]), "401 1.1");
        assert_eq!(status(&bench, &url, &["-I"]), "401 1.1");
        let asked = curl(&bench, &["-i", &url]);
        let asked = String::from_utf8_lossy(&asked.stdout).into_owned();
        let challenge = "WWW-Authenticate: Basic realm=\"sidestream\", charset=\"UTF-8\"\r\n";
        assert!(asked.contains(challenge) && asked.contains("missing or wrong"), "{asked}");
        // What a proxy asks for is nothing to a server.
        let proxy = "Proxy-Authorization: Basic b3duOm93bg==";
        assert_eq!(status(&bench, &url, &["-H", proxy]), "401 1.1");
    }
    if let Some(python) = program(test, "python3") {
        let script = "import os, sys, urllib.request as r
users = r.HTTPPasswordMgrWithDefaultRealm()
users.add_password(None, sys.argv[1], 'someone', os.environ['SECRET'])
print(r.build_opener(r.HTTPBasicAuthHandler(users)).open(sys.argv[1]).status)";
        let url = format!("http://127.0.0.1:{}/", ours.port);
        let mut client = Command::new(python);
        // Command lines are recorded.
        client.args(["-c", script, &url]).env("SECRET", "hush-hush");
        let output = client.output().unwrap();
        check(&output, "200\n");
    }
    let printed = ours.finish();
    let requests = origin.requests();
    assert!(matches!(requests.len(), 4 | 5), "{requests:#?}");
    assert!(requests.iter().all(|request| request.header("Authorization").is_none()));
    let files = [session, bench.path("flows.json")].map(|path| std::fs::read(path).unwrap());
    for text in [printed.into_bytes()].iter().chain(&files) {
        for secret in [TOKEN.as_bytes(), b"hush-hush"] {
            let found = text.windows(secret.len()).any(|part| part == secret);
            assert!(!found, "{}", String::from_utf8_lossy(text));
        }
    }
    let line = &bench.lines()[0];
    let removed = line["alterations"].to_string();
    assert!(removed.contains("Authorization"), "{line:#}");
}

/// Starts one that asks the users of a file, for a server that speaks HTTP/2 and HTTP/1.1.
fn guarded(bench: &Bench, origin: &Modern, openssl: &std::path::Path, options: &[&str]) -> Ours {
    let made = Command::new(openssl).args(["passwd", "-apr1", "hush-hush"]).output().unwrap();
    let file =
        bench.write("users", &format!("someone:{}", String::from_utf8(made.stdout).unwrap()));
    let auth = format!("@{}", file.display());
    let url = origin.url("https", "");
    start(bench, url.trim_end_matches('/'), &[&["--proxy-auth", &auth][..], options].concat())
}

/// Checks clients that speak a version, with a server that speaks one.
fn versions(test: &str, options: &[&str], client: &[&str], at_client: &str, at_server: &str) {
    let (Some(_curl), Some(openssl)) = (program(test, "curl"), program(test, "openssl")) else {
        return;
    };
    let bench = Bench::new();
    let Some(origin) = Modern::https(test, &bench) else { return };
    let ours = guarded(&bench, &origin, &openssl, options);
    let url = format!("https://localhost:{}/x", ours.port);
    let get = |args: &[&str]| status(&bench, &url, &[client, args].concat());
    let (served, refused) = (format!("200 {at_client}"), format!("401 {at_client}"));
    let right = ["-u", "someone:hush-hush"];
    assert_eq!(get(&right), served);
    assert_eq!(get(&[&right[..], &["-d", "some body"]].concat()), served);
    assert_eq!(get(&["-u", "someone:wrong"]), refused);
    assert_eq!(get(&["-u", "nobody:hush-hush", "-d", "some body"]), refused);
    assert_eq!(get(&[]), refused);
    assert_eq!(get(&["-I"]), refused);
    // Others of the same connection are served meanwhile and afterwards.
    let both = curl(&bench, &[client, &["-Z", &url, &url, right[0], right[1]]].concat());
    assert!(both.status.success(), "{both:?}");
    // The file is read again once it has changed.
    let file = bench.path("users");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("someone:", "another1:")).unwrap();
    assert_eq!(get(&right), refused);
    assert_eq!(get(&["-u", "another1:hush-hush"]), served);
    ours.interrupt();
    let requests = origin.requests();
    assert_eq!(requests.len(), 5, "{requests:#?}");
    for request in &requests {
        assert_eq!(field(request, "authorization"), None, "{request:#}");
        assert_eq!(request["version"], at_server, "{request:#}");
    }
    let lines = bench.lines();
    let unauthorized = |line: &&Value| {
        line["kind"] == "http" && line["error"]["message"].to_string().contains("password")
    };
    assert_eq!(lines.iter().filter(unauthorized).count(), 5, "{lines:#?}");
    assert!(!serde_json::to_string(&lines).unwrap().contains(TOKEN));
}

#[test]
fn the_users_of_a_file_reach_a_server_over_http2() {
    let test = "the_users_of_a_file_reach_a_server_over_http2";
    versions(test, &[], &["--http2"], "2", "2.0");
}

#[test]
fn the_users_of_a_file_reach_a_server_of_http2_over_http1() {
    let test = "the_users_of_a_file_reach_a_server_of_http2_over_http1";
    versions(test, &["--server-http", "2", "--client-http", "1"], &["--http1.1"], "1.1", "2.0");
}

#[test]
fn the_users_of_a_file_reach_a_server_of_http1_over_http2() {
    let test = "the_users_of_a_file_reach_a_server_of_http1_over_http2";
    versions(test, &["--server-http", "1", "--client-http", "2"], &["--http2"], "2", "1.1");
}

#[test]
fn a_server_that_wants_a_password_itself_is_given_one_by_a_rule() {
    let test = "a_server_that_wants_a_password_itself_is_given_one_by_a_rule";
    let Some(_curl) = program(test, "curl") else { return };
    let bench = Bench::new();
    let Some(origin) = Modern::https(test, &bench) else { return };
    let url = origin.url("https", "");
    let rule = "/~q/Authorization/Basic b3duOm93bg==";
    let options = ["--proxy-auth", "someone:hush-hush", "--modify-headers", rule];
    let ours = start(&bench, url.trim_end_matches('/'), &options);
    let url = format!("https://localhost:{}/x", ours.port);
    for version in ["--http1.1", "--http2"] {
        let got = status(&bench, &url, &[version, "-u", "someone:hush-hush"]);
        assert!(got.starts_with("200 "), "{got}");
        assert!(status(&bench, &url, &[version]).starts_with("401 "));
    }
    ours.interrupt();
    let requests = origin.requests();
    assert_eq!(requests.len(), 2, "{requests:#?}");
    for request in requests {
        assert_eq!(field(&request, "authorization"), Some("Basic b3duOm93bg=="), "{request:#}");
    }
}
