//! Command lines that make no sense.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};

use crate::args::{Args, Local};
use crate::exit::Exit;
use crate::mode::{Kind, Mode, check_clashes};

/// Reads the command line. A word beside `--mode` that is no command is a filter.
pub(super) fn parse(words: Vec<OsString>) -> Result<Args, clap::Error> {
    let error = match Args::try_parse_from(&words) {
        Ok(args) => return Ok(args),
        Err(error) => error,
    };
    let Some(word) = unknown_word(&error) else { return Err(error) };
    for (at, _) in words.iter().enumerate().skip(1).filter(|(_, it)| *it == &*word) {
        let mut words = words.clone();
        let mut option = OsString::from("--filter=");
        option.push(&words[at]);
        words[at] = option;
        match Args::try_parse_from(&words) {
            Ok(args) if !args.mode.is_empty() => return Ok(args),
            Err(error) if error.kind() == ErrorKind::ValueValidation => {
                let has_mode = words.iter().any(|it| it.to_string_lossy().starts_with("--mode"));
                if has_mode {
                    return Err(error);
                }
            }
            _ => {}
        }
    }
    Err(error)
}

/// Returns the word that should have been a command.
fn unknown_word(error: &clap::Error) -> Option<String> {
    match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(word)) if error.kind() == ErrorKind::InvalidSubcommand => {
            Some(word.clone())
        }
        _ => None,
    }
}

/// Prints what the parser says: help and version on standard output, all else on standard error.
pub(super) fn end(error: clap::Error) -> Exit {
    // Whoever does not read it does not miss it.
    _ = error.print();
    if let Some(tip) = tip(&error) {
        crate::say::line(tip);
    }
    if error.use_stderr() { Exit::Usage } else { Exit::Success }
}

/// Somebody who wrote a program's name meant to run it.
fn tip(error: &clap::Error) -> Option<String> {
    let word = unknown_word(error)?;
    Some(format!("\nTo run a command and see its flows: sidestream run -- {word} …"))
}

/// Finds what the parser cannot know.
pub(super) fn check(args: &Args) -> Option<String> {
    let modes = &args.mode[..];
    if args.selected.filter.is_some() && modes.is_empty() {
        return Some("--filter is for --mode, run and gateway up: write it behind those".into());
    }
    if let (Some(_), [_, ..]) = (&args.command, modes) {
        return Some("--mode stands alone; to run a command, leave it out".into());
    }
    if let Err(clash) = check_clashes(modes) {
        return Some(clash.to_string());
    }
    if let Some(missing) = modes.iter().find(|mode| !mode.kind.is_built()) {
        let scheme = match &missing.kind {
            Kind::Reverse(_) => " with such a scheme",
            _ => "",
        };
        return Some(format!("mode {}{scheme} is not built yet", missing.kind.name()));
    }
    let has_wireguard = modes.iter().any(|mode| matches!(mode.kind, Kind::Wireguard(_)));
    if args.wireguard.wireguard_endpoint.is_some() && !has_wireguard {
        return Some("--wireguard-endpoint is for --mode wireguard, add that".into());
    }
    let has_socks5 = modes.iter().any(|mode| matches!(mode.kind, Kind::Socks5));
    let has_regular = modes.iter().any(|mode| mode.kind == Kind::Regular);
    let has_upstream = modes.iter().any(|mode| matches!(mode.kind, Kind::Upstream(_)));
    let has_reverse = modes.iter().any(|mode| matches!(mode.kind, Kind::Reverse(_)));
    let asks = has_socks5 || has_regular || has_upstream || has_reverse;
    if args.socks5.proxy_auth.is_some() && !asks {
        let told = "--proxy-auth is for --mode regular, reverse, upstream or socks5, add one";
        return Some(told.into());
    }
    if !args.regular.set_system_proxy.is_empty() && !has_regular {
        return Some("--set-system-proxy is for --mode regular, add that".into());
    }
    if args.reverse.keep_host_header && !has_reverse {
        return Some("--keep-host-header is for --mode reverse, add that".into());
    }
    let has_transparent = modes.iter().any(|mode| mode.kind == Kind::Transparent);
    if !args.gateway.gateway.is_empty() && !has_transparent {
        return Some("--gateway is for --mode transparent, add that".into());
    }
    check_local(&args.local, modes)
}

/// Finds options of mode `local` that have no use.
fn check_local(options: &Local, modes: &[Mode]) -> Option<String> {
    let local = modes.iter().find_map(|mode| match &mode.kind {
        Kind::Local(spec) => Some(spec),
        _ => None,
    });
    let has_tun = modes.iter().any(|mode| matches!(mode.kind, Kind::Tun(_)));
    let given = [
        (options.ca_trusted && !has_tun, "--ca-trusted"),
        (options.reset_existing, "--reset-existing"),
        (options.spec_file.is_some(), "--spec-file"),
    ];
    match local {
        None => {
            let (_, option) = given.into_iter().find(|(given, _)| *given)?;
            Some(format!("{option} is for --mode local, add that"))
        }
        Some(Some(_)) if options.spec_file.is_some() => {
            Some("--spec-file is given beside a spec, write --mode local without one".into())
        }
        Some(_) => None,
    }
}

/// Says what is wrong with the command line.
pub(super) fn refuse(problem: &str) -> Exit {
    crate::say::say(problem);
    Exit::Usage
}

/// Says how the program is used, to somebody who asked for nothing.
pub(super) fn help() -> Exit {
    crate::say::line(Args::command().render_help());
    Exit::Usage
}
