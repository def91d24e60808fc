//! Command lines that make no sense.

use std::fmt::Write as _;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::args::{Args, Command};
use crate::exit::Exit;
use crate::mode::{Mode, check_clashes};

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
    if error.kind() != ErrorKind::InvalidSubcommand {
        return None;
    }
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return None;
    };
    Some(format!("\nTo run a command and see its flows: sidestream run -- {word} …"))
}

/// Finds what the parser cannot know.
pub(super) fn check(command: Option<&Command>, modes: &[Mode]) -> Option<String> {
    if let (Some(_), [_, ..]) = (command, modes) {
        return Some("--mode stands alone; to run a command, leave it out".into());
    }
    if let Err(clash) = check_clashes(modes) {
        return Some(clash.to_string());
    }
    let missing = modes.iter().find(|mode| !mode.kind.is_built())?;
    let mut problem = format!("mode {} is not built yet", missing.kind.name());
    if missing.kind.name() == "local" {
        // Writing to a String cannot fail.
        _ = write!(problem, "; to capture one command: sidestream run -- COMMAND");
    }
    Some(problem)
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
