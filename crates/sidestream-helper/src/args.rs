//! The command line.

use std::path::PathBuf;

use lexopt::prelude::{Long, Short, Value, ValueExt};
use tracing::Level;

/// What `--version` prints.
pub(crate) const VERSION: &str = concat!("sidestream-helper ", env!("CARGO_PKG_VERSION"));

/// What `--help` prints.
pub(crate) const HELP: &str = "\
The privileged part of Sidestream, started by it when it captures on the whole machine.

sidestream-helper serve --socket PATH [--uid N] [--log LEVEL]
    Captures for the proxy that listens on PATH and belongs to the user N: the one who called
    sudo or pkexec, unless said; never another one than its own where root did not start it.
    LEVEL is error, warn, info (unless said), debug or trace.
sidestream-helper check
    Tells what this machine can do.
sidestream-helper --version";

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Args {
    Check,
    Help,
    Serve(Serve),
    Version,
}

/// How to serve.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Serve {
    pub(crate) socket: PathBuf,
    pub(crate) uid: Option<u32>,
    pub(crate) log: Level,
}

/// Parses the command line.
pub(crate) fn parse(mut parser: lexopt::Parser) -> Result<Args, lexopt::Error> {
    match parser.next()? {
        Some(Long("help") | Short('h')) => Ok(Args::Help),
        Some(Long("version") | Short('V')) => Ok(Args::Version),
        Some(Value(command)) if command == "check" => none_left(parser, Args::Check),
        Some(Value(command)) if command == "serve" => serve(parser),
        Some(other) => Err(other.unexpected()),
        None => Err("say what to do, see --help".into()),
    }
}

fn none_left(mut parser: lexopt::Parser, args: Args) -> Result<Args, lexopt::Error> {
    parser.next()?.map_or(Ok(args), |arg| Err(arg.unexpected()))
}

fn serve(mut parser: lexopt::Parser) -> Result<Args, lexopt::Error> {
    let (mut socket, mut uid, mut log) = (None, None, Level::INFO);
    while let Some(arg) = parser.next()? {
        match arg {
            Long("help") | Short('h') => return Ok(Args::Help),
            Long("log") => log = parser.value()?.parse()?,
            Long("socket") => socket = Some(PathBuf::from(parser.value()?)),
            Long("uid") => uid = Some(parser.value()?.parse()?),
            other => return Err(other.unexpected()),
        }
    }
    let socket = socket.ok_or("say where the proxy waits: --socket PATH")?;
    Ok(Args::Serve(Serve { socket, uid, log }))
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::{Args, Serve, parse};

    #[track_caller]
    fn check(line: &str, expected: Result<Args, &str>) {
        let parsed = parse(lexopt::Parser::from_args(line.split_whitespace()));
        assert_eq!(parsed.map_err(|error| error.to_string()), expected.map_err(str::to_owned));
    }

    #[test]
    fn serving_needs_a_socket_and_takes_a_user() {
        let serve = |uid, log| Args::Serve(Serve { socket: "/run/s".into(), uid, log });
        check("serve --socket /run/s", Ok(serve(None, Level::INFO)));
        check("serve --socket /run/s --uid 7 --log debug", Ok(serve(Some(7), Level::DEBUG)));
        check("serve", Err("say where the proxy waits: --socket PATH"));
        check("serve --socket /run/s more", Err("unexpected argument \"more\""));
    }

    #[test]
    fn other_commands_take_nothing() {
        check("check", Ok(Args::Check));
        check("check more", Err("unexpected argument \"more\""));
        check("--version", Ok(Args::Version));
        check("serve --help", Ok(Args::Help));
        check("", Err("say what to do, see --help"));
        check("run", Err("unexpected argument \"run\""));
    }
}
