//! The origin that tells what reached it, and what clients said of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::Case;
use super::compare::{Answers, compare};
use super::ground::{Ground, Way, free_port};

/// A client that asks for all there is, and prints what it gets.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) name: &'static str,
    pub(crate) program: PathBuf,
    pub(crate) words: Vec<PathBuf>,
    pub(crate) environment: Vec<(&'static str, PathBuf)>,
}

/// A request, as the origin got it.
#[derive(Debug, Deserialize)]
struct Arrived {
    path: String,
    got: String,
}

/// Runs a client both ways, and compares what it said and what the origin got.
///
/// The client gets the URL in the clear and the one over TLS as its last words.
pub(crate) fn ask(ground: &Ground, client: &Client) -> Result<Vec<Case>> {
    let ports = [free_port()?, free_port()?];
    let direct = client.ask(ground, Way::Direct, ports)?;
    let through = client.ask(ground, Way::Through(&[]), ports)?;
    Ok(compare(&direct, &through))
}

impl Client {
    fn ask(&self, ground: &Ground, way: Way<'_>, ports: [u16; 2]) -> Result<Answers> {
        let name = self.name;
        let record = ground.path(&format!("{name}.record"));
        let mut origin = Command::new(ground.tools.python()?);
        origin.arg(ground.tools.script("origin.py")).args(ports.map(|port| port.to_string()));
        origin.arg(ground.path("leaf.pem")).arg(ground.path("leaf.key")).arg(&record);
        let origin = origin.arg(ground.path("files"));
        let _origin = ground.serve(&format!("{name}.origin"), ports[0], origin)?;
        let mut command = ground.command(way, &self.program);
        command.args(&self.words).current_dir(ground.folder(name)?);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.arg(format!("http://localhost:{}", ports[0]));
        let ran = ground.run(command.arg(format!("https://localhost:{}", ports[1])))?;
        let said = sections(&ran.stdout);
        ensure!(!said.is_empty(), "{name} said {}{}", ran.stdout, ran.stderr);
        Ok(said.into_iter().chain(arrived(&record)?).collect())
    }
}

/// Takes what a client said apart, at lines of `== NAME`.
fn sections(said: &str) -> Answers {
    let mut sections = Answers::new();
    for section in said.split("== ").skip(1) {
        let (name, answer) = section.split_once('\n').unwrap_or((section, ""));
        add(&mut sections, name, answer);
    }
    sections
}

fn arrived(record: &Path) -> Result<Answers> {
    let text =
        fs::read_to_string(record).with_context(|| format!("reading {}", record.display()))?;
    let mut answers = Answers::new();
    for line in text.lines() {
        let Arrived { path, got } = serde_json::from_str(line)?;
        // Whether a browser asks for its picture depends on its mood.
        if path != "/favicon.ico" {
            add(&mut answers, &format!("{path} as it arrived"), &got);
        }
    }
    Ok(answers)
}

/// Adds an answer; a name that comes again is counted.
fn add(answers: &mut BTreeMap<String, String>, name: &str, answer: &str) {
    let mut free = name.to_owned();
    let mut count = 1;
    while answers.contains_key(&free) {
        count += 1;
        free = format!("{name} ({count})");
    }
    answers.insert(free, answer.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_said_is_taken_apart() {
        let said = sections("noise\n== a get\n200\nok\n== a get\n404\n");
        let said: Vec<_> = said.iter().map(|(name, answer)| format!("{name}: {answer}")).collect();
        assert_eq!(said, ["a get: 200\nok\n", "a get (2): 404\n"]);
    }
}
