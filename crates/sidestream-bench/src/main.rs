//! The program of the bench: the comparison, and the parts that it starts.
#![expect(clippy::print_stderr, reason = "a chore talks to the terminal")]

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use lexopt::prelude::*;
use sidestream_bench::client::{Client, Route, roots};
use sidestream_bench::{
    compare, list, serve_bare, serve_client, serve_origin, serve_relay, soak, store, until_captured,
};

const USAGE: &str = "\
Usage: sidestream-bench compare --sidestream PROGRAM [UNIT…] [OPTIONS]
       sidestream-bench soak --sidestream PROGRAM [--connections N]
       sidestream-bench search [--exchanges N] [--bytes N]
       sidestream-bench list [--lines N] [--keep FILE]
       sidestream-bench store [--exchanges N [--body text|noise|same] [--bytes N]]

  --quick         little of everything, within a minute
  --rounds N      how often everything is measured in turn (5; quick 3)
  --setup NAME    only beside this (repeatable): relay, bare, nginx, hudsucker, run, unrecorded,
                  rules, shared, regular, local, passed, beside, tun, tun-1500
  --hudsucker PROGRAM  hudsucker as a program, for the setup of that name
  --json FILE     the figures for machines

What it starts: client ADDR ADDR [--captured] [--proxy ADDR [--by-name]] [--ca FILE]…,
origin FOLDER, relay ADDR…, bare TRUSTED-PEM ROOT-PEM ADDR…,
dial PORT FIRST COUNT [threads], dial-plan PORT CONNECTIONS
";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("sidestream-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<ExitCode> {
    let mut words = std::env::args_os().skip(1);
    let verb = words.next().unwrap_or_default();
    let words: Vec<OsString> = words.collect();
    match verb.to_str() {
        Some("compare") => return compare::run(words),
        Some("soak") => return soak::run(words),
        Some("search") => return store::run_search(&words),
        Some("list") => return list::run(&words),
        Some("store") => return store::run(&words),
        Some("dial") => {
            let numbers: Vec<u32> = numbers(&words[..words.len().min(3)])?;
            let [port, first, count] = numbers[..] else { bail!("say dial PORT FIRST COUNT") };
            soak::dial(port.try_into()?, first, count, words.len() > 3)
        }
        Some("dial-plan") => {
            let [port, connections] = numbers(&words)?[..] else { bail!("say dial-plan PORT N") };
            soak::dial_plan(port.try_into()?, connections)
        }
        Some("client") => serve(serve_client(client(words)?)),
        Some("origin") => {
            let folder = words.first().map(PathBuf::from);
            let folder = folder.context("say where certificates go: origin FOLDER")?;
            serve(serve_origin(&folder))
        }
        Some("relay") => serve(serve_relay(&addrs(&words)?)),
        Some("bare") => {
            let [trusted, root, to @ ..] = &words[..] else { bail!("say bare TRUSTED ROOT ADDR") };
            serve(serve_bare(trusted.as_ref(), root.as_ref(), &addrs(to)?))
        }
        _ => bail!("no verb {verb:?}\n\n{USAGE}"),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn client(words: Vec<OsString>) -> anyhow::Result<Client> {
    let mut parser = lexopt::Parser::from_args(words);
    let (mut to, mut proxy, mut given) = (Vec::new(), None, Vec::new());
    let (mut captured, mut by_name) = (false, false);
    while let Some(word) = parser.next()? {
        match word {
            Long("captured") => captured = true,
            Long("by-name") => by_name = true,
            Long("ca") => given.push(PathBuf::from(parser.value()?)),
            Long("proxy") => proxy = Some(parser.value()?.parse()?),
            Value(addr) => to.push(addr.parse()?),
            other => return Err(other.unexpected().into()),
        }
    }
    let [classic, hybrid] = to[..] else { bail!("say where to connect to: client ADDR ADDR") };
    let route = |to| Route { to, proxy, by_name };
    if captured {
        // The root is there then as well.
        until_captured()?;
    }
    Ok(Client { classic: route(classic), hybrid: route(hybrid), roots: roots(&given)? })
}

fn addrs(words: &[OsString]) -> anyhow::Result<Vec<SocketAddr>> {
    let addr = |word: &OsString| Ok(word.parse_with(str::parse)?);
    words.iter().map(addr).collect()
}

fn numbers(words: &[OsString]) -> anyhow::Result<Vec<u32>> {
    let number = |word: &OsString| Ok(word.parse_with(str::parse)?);
    words.iter().map(number).collect()
}

fn serve(part: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(part);
    // Standard input may be waited for on a thread of its own.
    runtime.shutdown_background();
    served
}
