//! git, whose helpers do the fetching.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use sidestream_testkit::{Origin, Request, Wire};

use crate::harness::{Bench, check_line, program};

/// Makes a repository with one commit that can be fetched as plain files.
fn repository(git: &Path, bench: &Bench) -> PathBuf {
    let bare = bench.path("bare.git");
    let script = "set -e
        git init -q work && cd work
        echo text >file && git add file
        git -c user.name=A -c user.email=a@example.test commit -q -m first
        git clone -q --bare . ../bare.git && cd ../bare.git && git update-server-info";
    let mut path = git.parent().unwrap().as_os_str().to_owned();
    path.push(":/usr/bin:/bin");
    let made = Command::new("sh")
        .args(["-c", script])
        .current_dir(bench.folder.path())
        .env("HOME", bench.folder.path())
        .env("PATH", path)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    bare
}

/// Serves files below a folder.
fn serve(folder: &Path, request: &Request, wire: &mut Wire) -> io::Result<()> {
    let path = request.target().split('?').next().unwrap_or_default();
    match std::fs::read(folder.join(path.trim_start_matches('/'))) {
        Ok(bytes) => {
            write!(wire, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len())?;
            wire.write_all(&bytes)
        }
        Err(_) => write!(wire, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
    }
}

#[test]
pub(crate) fn git_lists_and_clones() {
    let Some(git) = program("git_lists_and_clones", "git") else { return };
    let bench = Bench::new();
    let bare = repository(&git, &bench);
    let config = bench.ca.server_config(&["localhost"]);
    let origin = Origin::https(config, move |request, wire| serve(&bare, request, wire));
    let url = format!("https://localhost:{}/", origin.port());
    let refs = format!("{url}info/refs?service=git-upload-pack");

    let ran = bench.run([git.to_str().unwrap(), "ls-remote", &url]);
    assert!(ran.output.status.success(), "{}", ran.stderr);
    assert!(ran.stdout.contains("\tHEAD\n"), "{}", ran.stdout);
    ran.check_http("GET", &refs, 200, "git-remote-http");

    let ran = bench.run([git.to_str().unwrap(), "clone", "-q", &url, "copy"]);
    assert!(ran.output.status.success(), "{}", ran.stderr);
    assert_eq!(std::fs::read_to_string(bench.path("copy/file")).unwrap(), "text\n");
    ran.check_http("GET", &refs, 200, "git-remote-http");
    let object = |line: &&serde_json::Value| {
        line["request"]["url"].as_str().unwrap().contains("/objects/")
            && line["response"]["status"] == 200
    };
    let objects: Vec<_> = ran.lines.iter().filter(object).collect();
    assert!(objects.len() >= 3, "{:#?}", ran.lines);
    objects.iter().for_each(|line| check_line(line, 200, "git"));
}
