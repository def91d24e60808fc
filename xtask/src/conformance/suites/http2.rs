//! The conformance suite of HTTP/2, `httpwg`.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::conformance::compare::{Answers, compare};
use crate::conformance::ground::{Ground, Server, Way, free_port};
use crate::conformance::tools::program;
use crate::conformance::{Case, Found};

const BY: &str = "httpwg-cli 0.2.5";
/// How long it waits for a frame, in milliseconds; only what never comes takes that long.
const FRAME_TIMEOUT: &str = "5000";
/// How often what differs is looked at.
const ATTEMPTS: u8 = 4;
/// What nginx answers with, to every method.
const ANSWER: &str = "location / { return 200 \"hello from the origin\\n\"; }";

/// Tests our own end: from there on it is HTTP/1.1.
pub(crate) fn ends(ground: &Ground) -> Result<Found> {
    let http = format!("server {{ listen 127.0.0.1:PORT; {ANSWER} }}");
    let server = ground.nginx("http1", &http)?;
    let verdicts = verdicts(ground, Way::Through(&["--server-http", "1"]), &server)?;
    let case = |(name, verdict): (String, String)| match verdict.as_str() {
        "passed" => Case::passed(name),
        _ => Case::failed(name, verdict),
    };
    Ok(Found { by: BY.to_owned(), cases: verdicts.into_iter().map(case).collect() })
}

/// Tests servers of others, directly and through us.
pub(crate) fn passed(ground: &Ground) -> Result<Found> {
    let servers = [nghttpd(ground)?, nginx(ground)?, hypercorn(ground)?];
    let mut cases = Vec::new();
    for (name, server) in ["nghttpd", "nginx", "hypercorn"].iter().zip(&servers) {
        let named = |case: Case| Case { name: format!("{name}: {}", case.name), ..case };
        cases.extend(differences(ground, server)?.into_iter().map(named));
    }
    Ok(Found { by: BY.to_owned(), cases })
}

/// Compares the ways; what differs is asked for again, and counts if it differs each time.
///
/// A server that ends a connection for an error resets it where it has not read all: whether its
/// GOAWAY is seen before that is a race, also without us.
fn differences(ground: &Ground, server: &Server) -> Result<Vec<Case>> {
    let ask = || -> Result<Vec<Case>> {
        let direct = verdicts(ground, Way::Direct, server)?;
        Ok(compare(&direct, &verdicts(ground, Way::Through(&[]), server)?))
    };
    let mut cases = ask()?;
    for _ in 1..ATTEMPTS {
        if cases.iter().all(|case| case.failed.is_none()) {
            break;
        }
        let again = ask()?;
        let passes = |name: &str| again.iter().any(|c| c.name == name && c.failed.is_none());
        for case in cases.iter_mut().filter(|case| passes(&case.name)) {
            case.failed = None;
        }
    }
    Ok(cases)
}

fn nghttpd(ground: &Ground) -> Result<Server> {
    let (nghttpd, port) = (program("nghttpd")?, free_port()?);
    let mut command = Command::new(nghttpd);
    command.args(["--no-tls", "--address", "127.0.0.1", "--htdocs"]).arg(ground.path("home"));
    ground.serve("nghttpd", port, command.arg(port.to_string()))
}

fn nginx(ground: &Ground) -> Result<Server> {
    ground.nginx("http2", &format!("server {{ listen 127.0.0.1:PORT http2; {ANSWER} }}"))
}

fn hypercorn(ground: &Ground) -> Result<Server> {
    let port = free_port()?;
    let mut command = Command::new(ground.tools.python()?);
    command.args(["-m", "hypercorn", "--bind"]).arg(format!("127.0.0.1:{port}"));
    let folder = ground.tools.script("");
    ground.serve("hypercorn", port, command.arg("asgi:answer").current_dir(folder))
}

/// Runs the suite and gives what it says of each test.
fn verdicts(ground: &Ground, way: Way<'_>, server: &Server) -> Result<Answers> {
    let mut command = ground.command(way, ground.tools.httpwg()?);
    // Its buffers are of 256 MiB unless it is told otherwise.
    command.env("BUFFET_NUM_BUFS", "4096").args(["--frame-timeout", FRAME_TIMEOUT]);
    let ran = ground.run(command.arg("-a").arg(format!("127.0.0.1:{}", server.port)))?;
    let said = without_colors(&format!("{}{}", ran.stdout, ran.stderr));
    let verdicts: Answers = said.lines().filter_map(verdict).collect();
    ensure!(verdicts.len() > 100, "httpwg said only {}: {said}", verdicts.len());
    Ok(verdicts)
}

/// Reads a line such as `✅ Test passed: RFC 9113 :: 6. frames :: sends …`.
fn verdict(line: &str) -> Option<(String, String)> {
    let (_, rest) = line.split_once("Test ")?;
    let (verdict, name) = rest.split_once(": ")?;
    let is_known = verdict == "passed" || verdict.starts_with("failed");
    is_known.then(|| (name.trim().replace(" :: ", ", "), verdict.to_owned()))
}

/// Takes out what colors a terminal: ESC, `[`, parameters, a letter.
fn without_colors(text: &str) -> String {
    let mut pieces = text.split("\x1b[");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find(|c: char| c.is_ascii_alphabetic()).map_or(0, |at| at + 1);
        plain.push_str(&piece[end..]);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_read_without_its_colors() {
        let line =
            without_colors("\x1b[32m✅ Test passed\x1b[0m: RFC 9113 :: 6. frames :: sends ping");
        let expected = ("RFC 9113, 6. frames, sends ping".to_owned(), "passed".to_owned());
        assert_eq!(verdict(&line), Some(expected));
        assert_eq!(verdict("🚄 Passed 103/107 tests"), None);
    }
}
