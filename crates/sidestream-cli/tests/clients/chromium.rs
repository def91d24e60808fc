//! Chromium, which carries its roots inside and is told nothing of ours.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use sidestream_testkit::is_root;

use crate::harness::{Bench, Ran, program};
use crate::modern::Modern;

/// How many resources the page has.
const RESOURCES: usize = 200;

#[test]
fn chromium_loads_a_page_with_its_resources_and_a_socket() {
    let test = "chromium_loads_a_page_with_its_resources_and_a_socket";
    let Some(chromium) = program(test, "chromium") else { return };
    let bench = Bench::new();
    let Some(origin) = Modern::https(test, &bench) else { return };
    let settings = names(Path::new("/etc/chromium"));
    let mut words = vec![chromium.to_str().unwrap(), "--headless=new", "--dump-dom"];
    if is_root() {
        // It does not start for root otherwise.
        words.push("--no-sandbox");
    }
    // By a name whose first address, `::1`, nobody serves: the browser must see that it is refused.
    let url = origin.url("https", "page");
    assert!(url.starts_with("https://localhost:"));
    words.push(&url);
    let ran = bench.run(words);
    assert!(ran.output.status.success(), "{:?}\n{}", ran.output.status, ran.stderr);
    assert!(ran.stdout.contains("<body>200 loaded, ping echoed</body>"), "{}", ran.stderr);

    check_resources(&ran, &origin);
    check_socket(&ran, &origin);
    let requests = origin.requests();
    let count =
        |version: &str| requests.iter().filter(|request| request["version"] == version).count();
    // Beside the resources the page, the gate and the word that all is done; and the socket.
    assert_eq!((count("2.0"), count("1.1")), (RESOURCES + 3, 1));

    assert_eq!(names(Path::new("/etc/chromium")), settings);
    assert_eq!(bench.left_running(), Vec::<String>::new());
    let kept = files(bench.folder.path()).into_iter().filter(|path| path.ends_with("cert9.db"));
    for database in kept {
        let database = fs::read(database).unwrap();
        assert!(!database.windows(10).any(|window| window == b"Sidestream"));
    }
}

/// Checks that each resource was seen once, and all in one connection.
#[track_caller]
fn check_resources(ran: &Ran, origin: &Modern) {
    let mut flows = BTreeSet::new();
    let resources = (0..RESOURCES).map(|n| ("GET", format!("r/{n}")));
    let others = [("GET", "page"), ("POST", "done"), ("GET", "gate")];
    let others = others.map(|(method, path)| (method, path.to_owned()));
    for (method, path) in resources.chain(others) {
        let line = ran.check_http(method, &origin.url("https", &path), 200, "chromium");
        assert_eq!(line["request"]["version"], "HTTP/2", "{line:#}");
        assert_eq!(line["response"]["version"], "HTTP/2", "{line:#}");
        assert_eq!(line["tls"]["alpn"], "h2", "{line:#}");
        flows.insert(line["flow"].to_string());
    }
    assert_eq!(flows.len(), 1);
}

/// Checks that what went through the socket was seen.
#[track_caller]
fn check_socket(ran: &Ran, origin: &Modern) {
    let opening = ran.check_http("GET", &origin.url("https", "socket"), 101, "chromium");
    assert_eq!(opening["request"]["version"], "HTTP/1.1");
    let messages = ran.lines.iter().filter(|line| line["kind"] == "websocket");
    let messages = messages.map(|line| {
        assert_eq!(line["exchange"], opening["exchange"], "{line:#}");
        let message = &line["message"];
        let [from, kind, text] = ["from", "type", "beginning"].map(|name| message[name].as_str());
        (from.unwrap(), kind.unwrap(), text.unwrap(), message["code"].as_u64())
    });
    let expected = [
        ("client", "text", "ping", None),
        ("server", "text", "ping", None),
        ("client", "close", "", Some(1000)),
        ("server", "close", "", Some(1000)),
    ];
    assert_eq!(messages.collect::<Vec<_>>(), expected);
}

/// Lists all names below a folder, if it is there.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        files(folder).iter().map(|path| path.display().to_string()).collect();
    names.sort();
    names
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.is_dir() && !path.is_symlink() {
            found.extend(files(&path));
        }
        found.push(path);
    }
    found
}
