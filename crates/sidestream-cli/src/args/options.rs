//! Options that several commands take, each of which may also be set elsewhere.

use std::path::PathBuf;

use clap::{ArgAction, Args};

use crate::settings::{Http, Layer};

/// What every command takes.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Common {
    /// Read settings from this file.
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,

    /// Keep the root key in this folder.
    #[arg(long, value_name = "DIR", global = true)]
    pub confdir: Option<PathBuf>,

    /// Print headers (-v) and bodies (-vv).
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub verbose: u8,

    /// Print no flows and no notices.
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// What becomes of flows.
#[derive(Clone, Debug, Default, Args)]
pub struct Traffic {
    /// Trust these roots (PEM) as well when connecting to servers (repeatable).
    #[arg(long, value_name = "FILE")]
    pub ca: Vec<PathBuf>,

    /// Speak this version of HTTP with clients that offer it; translated for servers.
    #[arg(long, value_name = "VERSION", value_enum)]
    pub client_http: Option<Http>,

    /// Do not verify servers' certificates.
    #[arg(long)]
    pub insecure: bool,

    /// Write one JSON object a line to a file or /dev/fd/N.
    #[arg(long, value_name = "PATH")]
    pub json: Option<PathBuf>,

    /// Offer servers this version of HTTP alone; translated for clients.
    #[arg(long, value_name = "VERSION", value_enum)]
    pub server_http: Option<Http>,

    /// Record everything to a session file.
    #[arg(long, value_name = "FILE")]
    pub session: Option<PathBuf>,
}

/// How processes of the whole machine are captured.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Options of --mode local")]
pub struct Local {
    /// Decrypt although this machine does not trust the root: the programs do.
    #[arg(long)]
    pub ca_trusted: bool,

    /// End the connections that chosen processes have already, so that they connect anew.
    #[arg(long)]
    pub reset_existing: bool,

    /// Read the spec from this file, and again on SIGHUP: commas or line ends between items.
    #[arg(long, value_name = "FILE")]
    pub spec_file: Option<PathBuf>,
}

/// What is shown of flows.
#[derive(Clone, Debug, Default, Args)]
pub struct Shown {
    /// Hide these header fields on the screen and in JSON (repeatable, or with commas).
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub redact: Vec<String>,

    /// Show authorization, cookies and other secrets on the screen.
    #[arg(long)]
    pub show_secrets: bool,
}

impl From<Common> for Layer {
    fn from(common: Common) -> Self {
        Self {
            confdir: common.confdir,
            quiet: flag(common.quiet),
            verbose: (common.verbose > 0).then_some(common.verbose),
            ..Self::default()
        }
    }
}

impl From<Traffic> for Layer {
    fn from(traffic: Traffic) -> Self {
        let Traffic { ca, client_http, insecure, json, server_http, session } = traffic;
        Self {
            ca: list(ca),
            client_http,
            insecure: flag(insecure),
            json,
            server_http,
            session,
            ..Self::default()
        }
    }
}

impl From<Local> for Layer {
    fn from(local: Local) -> Self {
        let Local { ca_trusted, reset_existing, spec_file } = local;
        Self {
            ca_trusted: flag(ca_trusted),
            reset_existing: flag(reset_existing),
            spec_file,
            ..Self::default()
        }
    }
}

impl From<Shown> for Layer {
    fn from(shown: Shown) -> Self {
        let Shown { redact, show_secrets } = shown;
        Self { redact: list(redact), show_secrets: flag(show_secrets), ..Self::default() }
    }
}

/// A flag that is not given says nothing.
const fn flag(given: bool) -> Option<bool> {
    if given { Some(true) } else { None }
}

fn list<T>(given: Vec<T>) -> Option<Vec<T>> {
    (!given.is_empty()).then_some(given)
}
