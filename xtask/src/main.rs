//! The chores of the workspace: `cargo xtask VERB`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to the terminal")]

mod bench;
mod bpf;
mod ci;
mod command;
mod conformance;
mod counts;
mod cross;
mod fixtures;
mod floors;
mod fuzz;
mod lab;
mod nextest;
mod sizes;
mod skips;
mod source;
mod suite;
mod sys;
mod test;
mod user;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};
use lexopt::prelude::*;

use crate::workspace::Workspace;

const USAGE: &str = "\
Usage: cargo xtask VERB

  ci [JOB…]              what continuous integration runs, or some of its jobs
  test                   every test this machine and user can run, and what was skipped
  floors                 which way the crates look at each other
  sizes                  long files, long functions, files without a first sentence
  fixtures [--update]    fixtures against their index; --update fills in hashes
  fuzz [TARGET] [--seconds N] [--replay]
                         runs the fuzz targets, 60 s each; --replay only their corpora
  bpf [--check]          builds the eBPF object; --check compares it with the one that is there
  bench [UNIT…] [--quick] [--rounds N] [--setup NAME]… [--json FILE]
                         what Sidestream costs, beside a plain relay and nginx
  bench soak [--connections N]
                         very many connections of short-lived processes, as root
  bench search [--exchanges N] [--bytes N]
                         how fast text is found in recorded bodies
  bench list [--lines N] [--keep FILE]
                         how soon a session of so many lines is listed, ordered and filtered
  bench store [--exchanges N [--body text|noise|same] [--bytes N]]
                         how fast a session takes exchanges, and what they take
  conformance [SUITE…] [--all] [--list] [--json] [--bless]
                         suites that others wrote, through Sidestream
  lab VERB               client, Sidestream and server together, on every ground: `lab --help`
";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let mut parser = lexopt::Parser::from_env();
    let verb = match parser.next()? {
        Some(Value(verb)) => verb.string()?,
        Some(Long("help") | Short('h')) | None => {
            print!("{USAGE}");
            return Ok(ExitCode::SUCCESS);
        }
        Some(other) => return Err(other.unexpected().into()),
    };
    let workspace = Workspace::read()?;
    match verb.as_str() {
        "bench" => bench::run(&workspace, parser.raw_args()?.collect()),
        "bpf" => bpf::run(&workspace, flag(parser, "check")?),
        "conformance" => conformance::main(&workspace, strings(parser.raw_args()?)?),
        "ci" => return ci::run(&workspace, &words(parser)?),
        "fixtures" => fixtures::run(&workspace, flag(parser, "update")?),
        "floors" => none_left(parser).and_then(|()| floors::run(&workspace)),
        "fuzz" => fuzz::run(&workspace, &fuzz::Options::parse(parser)?),
        "lab" => lab::main(&workspace, strings(parser.raw_args()?)?),
        "sizes" => none_left(parser).and_then(|()| sizes::run(&workspace)),
        "test" => none_left(parser).and_then(|()| test::run(&workspace)),
        other => bail!("no verb {other:?}\n\n{USAGE}"),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Fails with every finding on a line of its own; passes when there is none.
fn conclude(what: &str, findings: &[String]) -> Result<()> {
    for finding in findings {
        eprintln!("{what}: {finding}");
    }
    match findings.len() {
        0 => Ok(()),
        count => bail!("{what}: {count} findings"),
    }
}

fn none_left(mut parser: lexopt::Parser) -> Result<()> {
    match parser.next()? {
        Some(argument) => Err(argument.unexpected().into()),
        None => Ok(()),
    }
}

fn words(mut parser: lexopt::Parser) -> Result<Vec<String>> {
    let mut words = Vec::new();
    while let Some(argument) = parser.next()? {
        match argument {
            Value(word) => words.push(word.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(words)
}

fn strings(words: lexopt::RawArgs<'_>) -> Result<Vec<String>> {
    words.map(|word| Ok(word.string()?)).collect()
}

fn flag(mut parser: lexopt::Parser, name: &str) -> Result<bool> {
    let mut set = false;
    while let Some(argument) = parser.next()? {
        match argument {
            Long(long) if long == name => set = true,
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(set)
}
