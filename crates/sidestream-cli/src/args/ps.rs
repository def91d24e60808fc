//! The command line of `ps`.

use clap::Args;

/// Which processes to list.
#[derive(Debug, Args)]
pub struct Ps {
    /// What --mode local would be given; without, all processes are listed.
    #[arg(allow_hyphen_values = true)]
    pub spec: Option<String>,

    /// List the processes that SPEC passes as well.
    #[arg(long, requires = "spec")]
    pub all: bool,

    /// Print JSON lines.
    #[arg(long)]
    pub json: bool,
}
