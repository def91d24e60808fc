//! Real clients, and browsers' profiles: each says the same of an origin that tells what arrived.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::conformance::Found;
use crate::conformance::ground::Ground;
use crate::conformance::origin::{Client, ask};
use crate::conformance::tools::program;

/// Clients that run by themselves.
pub(crate) fn run(ground: &Ground) -> Result<Found> {
    let bash = program("bash")?;
    let python = ground.tools.python()?;
    program("curl").and_then(|_| program("wget"))?;
    repository(ground)?;
    let clients = [
        client(ground, "curl", bash.clone(), "curl.sh"),
        client(ground, "wget", bash.clone(), "wget.sh"),
        client(ground, "git", bash, "git.sh"),
        client(ground, "python", python, "python.py"),
        node(ground, "node", "node.mjs")?,
        client(ground, "java", program("java")?, "Client.java"),
        Client { words: Vec::new(), ..client(ground, "go", go(ground)?, "") },
    ];
    let mut cases = Vec::new();
    for client in &clients {
        cases.extend(ask(ground, client)?);
    }
    let by = "curl, wget, git, Python's requests, httpx, aiohttp and urllib, Node's fetch, undici \
              and modules, Java, Go";
    Ok(Found { by: by.to_owned(), cases })
}

/// A browser without a screen.
pub(crate) fn chromium(ground: &Ground) -> Result<Found> {
    let mut client = node(ground, "chromium", "chromium.mjs")?;
    client.environment.push(("CHROMIUM", program("chromium")?));
    let cases = ask(ground, &client)?;
    Ok(Found { by: "Debian's chromium by playwright-core 1.65.1".to_owned(), cases })
}

/// The profiles of curl-cffi.
pub(crate) fn browsers(ground: &Ground) -> Result<Found> {
    let client = client(ground, "browsers", ground.tools.python()?, "browsers.py");
    Ok(Found { by: "curl-cffi 0.16.3".to_owned(), cases: ask(ground, &client)? })
}

fn client(ground: &Ground, name: &'static str, program: PathBuf, script: &str) -> Client {
    let words = vec![ground.tools.script("clients").join(script)];
    Client { name, program, words, environment: Vec::new() }
}

fn node(ground: &Ground, name: &'static str, script: &str) -> Result<Client> {
    let packages = ground.tools.node_packages()?;
    let client = client(ground, name, program("node")?, script);
    Ok(Client { environment: vec![("PACKAGES", packages)], ..client })
}

/// Builds the client of Go, which has to be a program.
fn go(ground: &Ground) -> Result<PathBuf> {
    let built = ground.tools.path("go/client");
    let mut go = Command::new(program("go")?);
    go.env("GOCACHE", ground.tools.path("go/cache")).env("GO111MODULE", "off");
    go.args(["build", "-o"]).arg(&built).arg(ground.tools.script("clients/client.go"));
    let output = go.output()?;
    ensure!(output.status.success(), "go: {}", String::from_utf8_lossy(&output.stderr));
    Ok(built)
}

/// Makes a repository that a server of files can give.
fn repository(ground: &Ground) -> Result<()> {
    let folder = ground.folder("files/repository.git")?;
    let work = ground.folder("work")?;
    fs::write(work.join("file"), "x\n".repeat(10_000))?;
    let bare = folder.display().to_string();
    for words in [
        "init --quiet --initial-branch main .".to_owned(),
        "add file".to_owned(),
        "-c user.name=A -c user.email=a@example.test commit --quiet --message first".to_owned(),
        format!("clone --quiet --bare . {bare}"),
        format!("--git-dir {bare} update-server-info"),
    ] {
        let mut git = Command::new(program("git")?);
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").current_dir(&work).args(words.split(' '));
        for date in ["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"] {
            git.env(date, "2000-01-01T00:00:00Z");
        }
        let output = git.output()?;
        ensure!(output.status.success(), "git: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
