//! Which program does an ask, with which words, and how what it says is read.

mod curl;
mod dig;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;

use super::proxy::{PROXY, VARIABLES};
use crate::agent::wire::Hex;
use crate::agent::{Exec, ProcessEnd, Remote, Said};
use crate::client::Order;
use crate::model::{Answer, Ask, Family, HttpAsk, Program};

/// The same for every way in which Python asks.
const PYTHON: &str = include_str!("ask.py");
const NODE: &str = include_str!("ask.mjs");
const JAVA: &str = include_str!("Ask.java");

/// Where and how an ask is done.
pub(super) struct Situation<'a> {
    pub(super) remote: &'a Remote,
    pub(super) family: Family,
    /// The number of the ask in its trial.
    pub(super) number: usize,
    /// Whether the program is told of a proxy.
    pub(super) is_told: bool,
    /// The file with the roots that it trusts.
    pub(super) roots: PathBuf,
}

/// A program to be started.
pub(super) struct Job {
    pub(super) exec: Exec,
    /// How its executable's name begins.
    pub(super) program: String,
    pub(super) reads: Reads,
}

/// How what a program says is read.
#[derive(Debug)]
pub(super) enum Reads {
    /// As curl says it, which has written the fields to this file.
    Curl(PathBuf),
    /// As dig says it.
    Dig,
    /// An [`Answer`] as JSON on the last line.
    Json,
    /// The same by a script of ours, its content in hexadecimal digits.
    Script,
}

/// Tells whether the client of an ask trusts the proxy's root.
pub(super) const fn trusts_proxy(ask: &Ask) -> bool {
    match ask {
        Ask::Http(HttpAsk { trusts_proxy, .. }) => *trusts_proxy,
        _ => true,
    }
}

/// Finds the words of an ask.
pub(super) fn job(ask: &Ask, situation: &Situation<'_>) -> Result<Job> {
    let by = match ask {
        Ask::Http(HttpAsk { by, .. })
        | Ask::WebSocket { by, .. }
        | Ask::Tcp { by, .. }
        | Ask::Udp { by, .. }
        | Ask::Dns { by, .. } => *by,
    };
    let mut job = match (by, ask) {
        (Program::Curl, Ask::Http(http)) => curl::job(http, situation),
        (Program::Dig, Ask::Dns { server, name, .. }) => dig::job(server, name, situation.family),
        (Program::Lab, _) => {
            let order = Order { ask: ask.clone(), family: situation.family };
            let exec = Exec::new(["@lab", "ask", &serde_json::to_string(&order)?]);
            Job { exec, program: "sidestream-lab".into(), reads: Reads::Json }
        }
        (Program::Python, _) => script(situation, "/usr/bin/python3", &[], "ask.py", PYTHON, ask)?,
        (Program::Node, Ask::Http(_)) => script(situation, "node", &[], "ask.mjs", NODE, ask)?,
        (Program::Java, Ask::Http(_)) => {
            let options = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"];
            script(situation, "java", &options, "Ask.java", JAVA, ask)?
        }
        _ => bail!("{by:?} cannot do that"),
    };
    let roots = situation.roots.display().to_string();
    let proxy = format!("http://{PROXY}");
    job.exec.without.extend(VARIABLES.map(str::to_owned));
    for variable in ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "LAB_ROOTS"] {
        job.exec.env.insert(variable.to_owned(), roots.clone());
    }
    if situation.is_told {
        job.exec.without.clear();
        for variable in ["http_proxy", "https_proxy"] {
            job.exec.env.insert(variable.to_owned(), proxy.clone());
        }
    }
    Ok(job)
}

/// Has an interpreter do what a script of ours says, which gets the ask as JSON.
fn script(
    situation: &Situation<'_>,
    program: &str,
    options: &[&str],
    name: &str,
    text: &str,
    ask: &Ask,
) -> Result<Job> {
    let file = situation.remote.hello().folder.join(name);
    situation.remote.put(&file, text.as_bytes(), 0o644).context("writing the script")?;
    let mut argv = vec![program.to_owned()];
    argv.extend(options.iter().map(|option| (*option).to_owned()));
    argv.push(file.display().to_string());
    let mut exec = Exec::new(argv);
    exec.stdin.0 = serde_json::to_vec(ask)?;
    let program = program.rsplit('/').next().unwrap_or(program).to_owned();
    Ok(Job { exec, program, reads: Reads::Script })
}

impl Reads {
    /// Reads an answer; an error is a program that does not do its work.
    pub(super) fn answer(&self, remote: &Remote, end: ProcessEnd, said: &Said) -> Result<Answer> {
        let mut answer = match self {
            Self::Curl(fields) => {
                let fields = remote.get(fields)?.unwrap_or_default();
                curl::answer(end, said, &String::from_utf8_lossy(&fields))
            }
            Self::Dig => dig::answer(end, said),
            Self::Json => last_line(end, said)?,
            Self::Script => {
                let mut answer: serde_json::Value = last_line(end, said)?;
                let content: Hex = serde_json::from_value(answer["content"].take())?;
                answer["content"] = serde_json::Value::Array(Vec::new());
                Answer { content: content.0, ..serde_json::from_value(answer)? }
            }
        };
        answer.fields.retain(|(name, _)| !name.eq_ignore_ascii_case("date"));
        Ok(answer)
    }
}

fn last_line<T: DeserializeOwned>(end: ProcessEnd, said: &Said) -> Result<T> {
    let out = said.out();
    let last = out.lines().last().unwrap_or_default();
    let beginning = || out.chars().take(1000).collect::<String>();
    let words = || format!("no answer ({end:?}): {}\n{}", beginning(), said.err());
    serde_json::from_str(last).with_context(words)
}
