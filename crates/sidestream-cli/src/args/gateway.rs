//! The command line of `gateway`.

use clap::{Args, Subcommand};

use super::{Selected, Shown, Traffic};
use crate::mode::{Kind, Listen, Mode};

/// How traffic of other hosts is led to mode `transparent`.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Options of --mode transparent")]
pub struct Gateway {
    /// Lead there what arrives by these interfaces for other hosts, while it runs (repeatable, or
    /// with commas).
    #[arg(long, value_name = "INTERFACES", value_delimiter = ',')]
    pub gateway: Vec<String>,
}

/// What to do with the rules that lead the traffic of other hosts here.
#[derive(Debug, Subcommand)]
pub enum GatewayCommand {
    /// Take what arrives by interfaces for other hosts, until Ctrl-C: short for
    /// --mode transparent --gateway INTERFACES.
    Up(Box<Up>),
    /// End the gateway that there is, or remove what a killed one has left.
    Down,
    /// Tell who leads traffic here, and what is left of who did.
    Status,
}

/// The interfaces whose traffic is taken, and what becomes of it.
#[derive(Debug, Args)]
pub struct Up {
    /// The interfaces (repeatable, or with commas).
    #[arg(long, value_name = "INTERFACES", value_delimiter = ',', required = true)]
    pub interface: Vec<String>,

    /// Where the rules lead it (8080).
    #[arg(long, value_name = "[HOST:]PORT")]
    pub listen: Option<Listen>,

    /// What becomes of the flows.
    #[command(flatten)]
    pub traffic: Traffic,

    /// What is shown of them.
    #[command(flatten)]
    pub shown: Shown,

    /// Which of them are shown.
    #[command(flatten)]
    pub selected: Selected,
}

impl Up {
    /// Returns the mode that this is short for.
    pub fn mode(&self) -> Mode {
        Mode { kind: Kind::Transparent, listen: self.listen.clone() }
    }
}
