//! The command line.

mod ca;
mod exchange;
mod explain;
mod gateway;
mod helper;
mod mark;
mod options;
mod ps;
mod selected;
mod wireguard;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use sidestream::filter::{Expr, Pattern};
use sidestream::list::Order;

use crate::export::{self, Asked};
use crate::mode::{Mode, ParseModeError};
use crate::sieve;

pub use ca::{CaCommand, Export, Format, StoreKind, Which};
pub use exchange::{ExportArgs, ExportFormat, ImportArgs};
pub use explain::Explain;
pub use gateway::{Gateway, GatewayCommand, Up};
pub use helper::{HelperCommand, Install};
pub use mark::{Metadata, Noted};
pub use options::{
    Common, KeepOptions, Local, Regular, Reverse, RuleOptions, Shown, Socks5, Tls, Traffic,
    Wireguard,
};
pub use ps::Ps;
pub use selected::Selected;
pub use wireguard::WireguardCommand;

/// Shows what programs say on the wire.
#[derive(Debug, Parser)]
#[command(
    name = "sidestream",
    version,
    about = "Shows what programs say on the wire: runs a command, or a proxy, and prints its flows",
    after_help = "Try `sidestream demo`, then `sidestream run -- curl https://example.com`.",
    override_usage = "sidestream <COMMAND>\n       sidestream --mode MODE... [OPTIONS] [FILTER]",
    max_term_width = 100
)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// The ways of taking traffic.
    #[arg(long, value_name = "MODE", value_parser = parse_mode)]
    #[arg(help = "Take traffic in this way: MODE[:DATA][@[HOST:]PORT] (repeatable)")]
    pub mode: Vec<Mode>,

    /// What becomes of the flows.
    #[command(flatten)]
    pub traffic: Traffic,

    /// What is shown of them.
    #[command(flatten)]
    pub shown: Shown,

    /// Which of them are shown.
    #[command(flatten)]
    pub selected: Selected,

    /// Who is told of mode `regular`.
    #[command(flatten)]
    pub regular: Regular,

    /// How processes of the whole machine are captured.
    #[command(flatten)]
    pub local: Local,

    /// How traffic of other hosts is led to mode `transparent`.
    #[command(flatten)]
    pub gateway: Gateway,

    /// How clients of mode `wireguard` find this machine.
    #[command(flatten)]
    pub wireguard: Wireguard,

    /// What the server of mode `reverse` is told.
    #[command(flatten)]
    pub reverse: Reverse,

    /// Who may use modes `regular`, `upstream` and `socks5`.
    #[command(flatten)]
    pub socks5: Socks5,

    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// What to do.
#[derive(Debug, Subcommand)]
#[non_exhaustive]
pub enum Command {
    /// Run a command and show what it and its children say on the wire.
    Run(Box<Run>),
    /// Show on this machine alone, without the network, that interception works.
    Demo,
    /// Tell what this machine can do, and why not.
    Doctor {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show, export, install or uninstall the root certificate.
    #[command(subcommand)]
    Ca(CaCommand),
    /// Write what a session holds in a form that other programs read.
    Export(ExportArgs),
    /// Make a session out of what another program has recorded.
    Import(ImportArgs),
    /// Take the traffic of hosts that this machine routes for, or end that.
    #[command(subcommand)]
    Gateway(GatewayCommand),
    /// Install or remove the privileged helper of --mode local, or tell of it.
    #[command(subcommand)]
    Helper(HelperCommand),
    /// List processes, and what a spec would do to each.
    Ps(Ps),
    /// Undo what a process of ours left that was killed, and say what.
    Repair,
    /// Look into session files.
    #[command(subcommand)]
    Session(SessionCommand),
    /// Tell which proxy the system's programs are told of, and by whom.
    SystemProxy,
    /// Try out specs.
    #[command(subcommand)]
    Spec(SpecCommand),
    /// List, add, show or remove the clients of --mode wireguard.
    #[command(subcommand)]
    Wireguard(WireguardCommand),
    /// Gives settings back when the process that has set them is killed.
    #[command(hide = true, name = crate::watcher::COMMAND)]
    SettingsWatcher,
    /// The demonstration's own client.
    #[command(hide = true, name = "demo-client")]
    DemoClient {
        /// What to fetch.
        url: String,
    },
}

/// A command to run.
#[derive(Debug, ClapArgs)]
pub struct Run {
    /// Wait for processes that outlive the command; else they are ended with it.
    #[arg(long)]
    pub wait: bool,

    /// Capture by namespaces, or by seccomp where these cannot be had (by itself the first that can).
    #[arg(long, value_name = "DRIVER")]
    pub driver: Option<RunDriver>,

    /// What becomes of the flows.
    #[command(flatten)]
    pub traffic: Traffic,

    /// What is shown of them.
    #[command(flatten)]
    pub shown: Shown,

    /// Which of them are shown.
    #[command(flatten)]
    pub selected: Selected,

    /// The command and its arguments.
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true)]
    #[arg(allow_hyphen_values = true)]
    pub command: Vec<OsString>,
}

/// The mechanism that captures a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RunDriver {
    /// Namespaces of its own.
    Namespace,
    /// A seccomp filter.
    Seccomp,
}

/// What stays in a session.
#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = true)]
pub struct Wanted {
    /// Only what this filter selects stays.
    #[arg(long, value_name = "EXPR", value_parser = sieve::parse)]
    pub keep: Option<Expr>,
    /// What this filter selects goes, such as "!~since 7d".
    #[arg(long, value_name = "EXPR", value_parser = sieve::parse)]
    pub drop: Option<Expr>,
    /// Of what would stay, only so many of the newest exchanges do.
    #[arg(long, value_name = "N")]
    pub newest: Option<usize>,
}

/// What to do with session files.
#[derive(Debug, Subcommand)]
pub enum SessionCommand {
    /// Write a session anew, so that what is the same in it is kept once.
    Compact {
        /// The session.
        file: PathBuf,
    },
    /// Print where a regular expression is found in bodies and messages. Exits 1 if nowhere.
    Grep {
        /// The session.
        file: PathBuf,
        /// What to look for, without regard to case; "(?-i)" before it regards case.
        #[arg(value_parser = parse_pattern)]
        pattern: Pattern,
        /// Where to look, such as "~d example.com & ~ts json".
        #[arg(value_parser = sieve::parse)]
        filter: Option<Expr>,
        /// Print the numbers of exchanges and their URLs alone.
        #[arg(short = 'l', long)]
        list: bool,
    },
    /// Note where text stands in a session, so that what asks for it is found fast. Recordings do
    /// so themselves while they run.
    Index {
        /// The session.
        file: PathBuf,
    },
    /// List the exchanges of a session, and its flows that have none, a line each.
    List {
        /// The session.
        file: PathBuf,
        /// What to list, such as "~d example.com & ~c 404" (docs/filter.md has all operators).
        #[arg(value_parser = sieve::parse)]
        filter: Option<Expr>,
        /// Order by time, method, url, size, duration, process or status; with :desc behind it,
        /// the largest first.
        #[arg(long, value_name = "COLUMN[:desc]")]
        sort: Option<Order>,
        /// Go on printing what comes to its end, until the recording does.
        #[arg(long, conflicts_with = "sort")]
        follow: bool,
        /// Print a JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Mark exchanges of a session that is not being recorded, or note something else of them.
    Mark {
        /// The session.
        file: PathBuf,
        /// Which exchanges: by their numbers, such as "7,9-12", or by a filter, such as
        /// "~c 404" (docs/filter.md has all operators).
        #[arg(value_name = "NUMBERS|FILTER", value_parser = export::parse)]
        what: Asked,
        /// What is noted.
        #[command(flatten)]
        noted: Noted,
    },
    /// Join sessions into a new one, by the times of what happened.
    Merge {
        /// The sessions.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The new session.
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Print what a session holds, also while it is being recorded.
    Show {
        /// The session.
        file: PathBuf,
        /// An exchange alone, by the number that stands before it, with its bodies in whole; or a
        /// filter, such as "~d example.com & ~c 404" (docs/filter.md has all operators).
        #[arg(value_name = "NUMBER|FILTER", value_parser = parse_what)]
        what: Option<What>,
        /// Print JSON lines.
        #[arg(long)]
        json: bool,
        /// Print this body of the exchange alone.
        #[arg(long, value_name = "PART", value_enum)]
        part: Option<BodyPart>,
        /// Write the bytes of that body as they were sent, by itself the response's.
        #[arg(long)]
        raw: bool,
        /// What is shown of the flows.
        #[command(flatten)]
        shown: Shown,
    },
    /// Take out of a session what is not wanted.
    Trim {
        /// The session.
        file: PathBuf,
        /// What stays.
        #[command(flatten)]
        wanted: Wanted,
    },
    /// Read all of a session and say what is wrong with it. Exits 1 if something is.
    Verify {
        /// The session.
        file: PathBuf,
    },
}

/// What of a session is shown.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// An exchange.
    Exchange(u64),
    /// What a filter selects.
    Filter(Box<Expr>),
}

fn parse_pattern(text: &str) -> Result<Pattern, String> {
    Pattern::new(text, true)
}

fn parse_what(text: &str) -> Result<What, String> {
    match text.parse() {
        Ok(id) => Ok(What::Exchange(id)),
        Err(_) => sieve::parse(text).map(|expr| What::Filter(Box::new(expr))),
    }
}

/// A body of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BodyPart {
    /// The request's.
    Request,
    /// The response's.
    Response,
}

/// What to do with specs.
#[derive(Debug, Subcommand)]
pub enum SpecCommand {
    /// Say what a spec decides and why. Exits 0 to intercept, 1 to pass, 3 if undecided.
    Explain(Explain),
}

fn parse_mode(text: &str) -> Result<Mode, ParseModeError> {
    text.parse()
}
