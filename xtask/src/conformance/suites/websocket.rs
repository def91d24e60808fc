//! The cases of Autobahn's suite for WebSocket, run by `kosoku`: both ends are somebody else's.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::conformance::compare::{Answers, compare};
use crate::conformance::ground::{Ground, Way, free_port};
use crate::conformance::{Case, Found};

const BY: &str = "kosoku 0.1.0, Autobahn's case files; the other end is websockets 17.4";
/// How many cases it runs at a time.
const AT_ONCE: &str = "8";

/// What is said of a case.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Verdict {
    behavior: String,
    behavior_close: String,
    remote_close_code: Option<u16>,
}

/// Frames, fragments, UTF-8, closing and limits, of servers and of clients.
pub(crate) fn frames(ground: &Ground) -> Result<Found> {
    let port = free_port()?;
    let words = ["--exclude", "12.*", "--exclude", "13.*"];
    let server = |way| servers(ground, way, port, &words);
    let mut cases = named("server", compare(&server(Way::Direct)?, &server(Way::Through(&[]))?));
    // Of the cases of limits, one does not end where the suite is the server, also without us.
    let words = [words.as_slice(), &["--exclude", "9.*"]].concat();
    let client = |way| clients(ground, way, port, &words);
    cases.extend(named("client", compare(&client(Way::Direct)?, &client(Way::Through(&[]))?)));
    Ok(Found { by: BY.to_owned(), cases })
}

/// Compression, of servers: of each kind of message and of window the cases of one kind.
pub(crate) fn deflate(ground: &Ground) -> Result<Found> {
    let port = free_port()?;
    let words = ["--include", "12.1.*", "--include", "13.1.*", "--include", "13.5.*"];
    let server = |way| servers(ground, way, port, &words);
    let cases = named("server", compare(&server(Way::Direct)?, &server(Way::Through(&[]))?));
    Ok(Found { by: BY.to_owned(), cases })
}

fn named(end: &str, cases: Vec<Case>) -> Vec<Case> {
    cases.into_iter().map(|case| Case { name: format!("{end} {}", case.name), ..case }).collect()
}

/// The suite is the client, and judges a server that echoes.
fn servers(ground: &Ground, way: Way<'_>, port: u16, words: &[&str]) -> Result<Answers> {
    let python = ground.tools.python()?;
    let mut echo = Command::new(&python);
    echo.arg(ground.tools.script("ws_server.py")).arg(port.to_string());
    let _echo = ground.serve("ws_server", port, &mut echo)?;
    let folder = ground.folder("ws-servers")?;
    let mut command = ground.command(way, python.with_file_name("kosoku"));
    command.args(["--parallelism", AT_ONCE, "--outdir"]).arg(&folder).args(words);
    let ran = ground.run(command.arg(format!("127.0.0.1:{port}")))?;
    verdicts(&folder).with_context(|| format!("kosoku said {}{}", ran.stdout, ran.stderr))
}

/// The suite is the server, and judges a client that echoes.
fn clients(ground: &Ground, way: Way<'_>, port: u16, words: &[&str]) -> Result<Answers> {
    let python = ground.tools.python()?;
    let folder = ground.folder("ws-clients")?;
    let mut suite = Command::new(python.with_file_name("kosoku"));
    suite.args(["--mode", "fuzzingserver", "--outdir"]).arg(&folder).args(words);
    let server = ground.serve("ws-suite", port, suite.arg(format!("127.0.0.1:{port}")))?;
    let mut command = ground.command(way, python);
    command.arg(ground.tools.script("ws_client.py")).arg(format!("ws://127.0.0.1:{port}"));
    let ran = ground.run(&mut command)?;
    server.finish()?;
    verdicts(&folder).with_context(|| format!("the client said {}{}", ran.stdout, ran.stderr))
}

/// Reads the report of the one agent that there is.
fn verdicts(folder: &Path) -> Result<Answers> {
    let path = folder.join("index.json");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let agents: BTreeMap<String, BTreeMap<String, Verdict>> = serde_json::from_str(&text)?;
    let of_case = |(case, verdict): (String, Verdict)| {
        let Verdict { behavior, behavior_close, remote_close_code } = verdict;
        // Whether what came before an error is still echoed is a matter of time, also without us.
        let behavior = if behavior == "NON-STRICT" { "OK" } else { behavior.as_str() };
        (case, format!("{behavior}, closed {behavior_close}, code {remote_close_code:?}"))
    };
    Ok(agents.into_values().flatten().map(of_case).collect())
}
