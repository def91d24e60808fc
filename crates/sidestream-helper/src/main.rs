#![doc = include_str!("../README.md")]

mod args;
mod check;
mod log;
mod say;

use std::process::ExitCode;

use anyhow::{Context, Result};
use sidestream_linux::{Caller, Rendezvous, ServeOptions};

use args::{Args, Serve};

fn main() -> ExitCode {
    let done = match args::parse(lexopt::Parser::from_env()) {
        Ok(Args::Check) => return check::run(),
        Ok(Args::Help) => say::out(args::HELP),
        Ok(Args::Serve(options)) => serve(options),
        Ok(Args::Version) => say::out(args::VERSION),
        Err(error) => {
            say::error(&error.into());
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::error(&error);
            ExitCode::FAILURE
        }
    }
}

/// Serves a proxy. Nothing is read from it before all rights are gone but those that are needed.
fn serve(options: Serve) -> Result<()> {
    // sudo and pkexec tell in the environment who called them, which is gone afterwards.
    let Caller { uid, all_users, .. } = Caller::find(options.uid)?;
    sidestream_linux::isolate().context("cannot cut loose from what it was started with")?;
    let rendezvous = Rendezvous::connect(&options.socket, uid)?;
    sidestream_linux::restrict(all_users).context("cannot give up rights")?;
    let lines = log::start(options.log);
    sidestream_linux::serve(rendezvous, ServeOptions { uid, all_users }, lines)?;
    Ok(())
}
