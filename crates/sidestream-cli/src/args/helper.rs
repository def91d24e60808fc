//! The command line of `helper`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What to do with the privileged helper.
#[derive(Debug, Subcommand)]
pub enum HelperCommand {
    /// Install it with the capabilities that it needs, so that nobody is asked for a password.
    /// Whoever is no root then captures processes of their own only.
    Install(Install),
    /// Remove what was installed.
    Uninstall,
    /// Tell where it is, and how it would get its rights. Exits 0 if it would.
    Status,
}

/// How it is installed.
#[derive(Debug, Args)]
pub struct Install {
    /// Install this executable instead of the one beside this program.
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,

    /// Let the members of this group run it; it is made if there is none.
    #[arg(long, value_name = "NAME", default_value = sidestream::os::helper::GROUP)]
    pub group: String,

    /// Add the user who called sudo to that group.
    #[arg(long)]
    pub add_me: bool,
}
