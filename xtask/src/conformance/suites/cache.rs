//! The tests of HTTP caches: who keeps nothing has the verdicts of the direct way.

use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::conformance::Found;
use crate::conformance::compare::{Answers, compare};
use crate::conformance::ground::{Ground, Way, free_port};
use crate::conformance::tools::program;

const BY: &str = "http-cache-tests 0.4.5";

/// Runs the suite's client both ways, to the suite's own server.
pub(crate) fn run(ground: &Ground) -> Result<Found> {
    let port = free_port()?;
    let direct = verdicts(ground, Way::Direct, port)?;
    let through = verdicts(ground, Way::Through(&[]), port)?;
    Ok(Found { by: BY.to_owned(), cases: compare(&direct, &through) })
}

fn verdicts(ground: &Ground, way: Way<'_>, port: u16) -> Result<Answers> {
    let suite = ground.tools.node_packages()?.join("node_modules/http-cache-tests");
    let node = program("node")?;
    // What npm would tell it.
    let told = |command: &mut Command| {
        command.current_dir(&suite).arg("--no-warnings");
        command.env("npm_config_protocol", "http").env("npm_config_port", port.to_string());
        command.env("npm_config_base", format!("http://127.0.0.1:{port}"));
        command.env("npm_package_config_id", "").env("npm_config_pidfile", "/dev/null");
    };
    let mut server = Command::new(&node);
    told(&mut server);
    let _server = ground.serve("cache", port, server.arg("server/server.mjs"))?;
    let mut client = ground.command(way, node);
    told(&mut client);
    let ran = ground.run(client.arg("cli.mjs"))?;
    let results: Value = serde_json::from_str(&ran.stdout)
        .with_context(|| format!("the suite said {}{}", ran.stdout, ran.stderr))?;
    let results = results.as_object().context("the suite gave no results")?;
    let verdict =
        |(name, result): (&String, &Value)| (name.clone(), without_ids(&result.to_string()));
    Ok(results.iter().map(verdict).collect())
}

/// Takes out what differs from run to run: each test asks for a name of its own.
fn without_ids(text: &str) -> String {
    let mut pieces = text.split("/test/");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        plain.push_str("/test/…");
        plain.push_str(piece.trim_start_matches(|c: char| c.is_ascii_hexdigit() || c == '-'));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_single_requests_are_taken_out() {
        let text = "request to http://127.0.0.1:1/test/96f3486b-bede-4606 failed";
        assert_eq!(without_ids(text), "request to http://127.0.0.1:1/test/… failed");
        assert_eq!(without_ids("true"), "true");
    }
}
