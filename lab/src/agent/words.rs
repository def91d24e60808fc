//! What an agent is asked for, and what it answers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::wire::Hex;
use crate::model::{OriginSeen, Serve};
use crate::origin::{Identity, Names};

/// What an agent says first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The version that it speaks.
    pub version: u32,
    /// The system and its release: `linux 6.12.1`.
    pub system: String,
    /// Its own program.
    pub exe: PathBuf,
    /// A folder that is its alone, and goes with it.
    pub folder: PathBuf,
    /// Whether it has root's rights over the machine, not only over namespaces of its own.
    pub is_root: bool,
}

/// A request; answers come in any order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// By what it is answered.
    pub id: u64,
    /// What is wanted.
    pub ask: Want,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Which request.
    pub id: u64,
    /// What came of it.
    pub result: Result<Given, Refusal>,
}

/// A process that an agent started, by its own count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProcessId(pub u64);

/// What is wanted of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Want {
    /// A program started.
    Start(Exec),
    /// What a process has said, when it has ended or the time is over.
    Wait {
        /// Which.
        process: ProcessId,
        /// How long at most.
        patience: Duration,
        /// Words on standard error that are as good as the end.
        or_said: Option<String>,
    },
    /// A signal sent, by its number.
    Signal {
        /// To which.
        process: ProcessId,
        /// To those of its descendants and itself that run this program, if not to itself.
        program: Option<String>,
        /// The number.
        signal: i32,
    },
    /// How many sockets a process and its descendants hold.
    Sockets {
        /// Which.
        process: ProcessId,
    },
    /// A piece of a file written; the first makes it anew.
    Put {
        /// Where.
        path: PathBuf,
        /// Where in the file.
        offset: u64,
        /// The piece.
        bytes: Hex,
        /// The permissions, on Unix.
        mode: u32,
    },
    /// A piece of a file.
    Get {
        /// Where.
        path: PathBuf,
        /// From where in the file on.
        offset: u64,
    },
    /// A port served.
    Serve(Box<Serving>),
    /// What origins saw.
    Seen,
    /// What is on the system.
    Traces {
        /// Further folders whose files are listed.
        folders: Vec<PathBuf>,
    },
    /// Packets written to a file from now on.
    Tap {
        /// The file.
        path: PathBuf,
    },
    /// No more packets written.
    Untap,
}

/// What an agent gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Given {
    /// It is done.
    Done,
    /// A number.
    Count(usize),
    /// A process.
    Started(ProcessId),
    /// What a process has said, and whether it has ended.
    Said(Said),
    /// A piece of a file, and how long the whole is; none where there is no such file.
    Piece(Option<(Hex, u64)>),
    /// What origins saw.
    Seen(Vec<OriginSeen>),
    /// What is on the system.
    Traces(String),
}

/// Why an agent does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    /// What the system lacks, if that is why.
    pub missing: Option<String>,
    /// Why, with all causes.
    pub text: String,
}

/// A program to be started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exec {
    /// The program and its arguments; `@lab` is the agent's own.
    pub argv: Vec<String>,
    /// Variables that are set.
    pub env: BTreeMap<String, String>,
    /// Variables that are not to be there.
    pub without: Vec<String>,
    /// The folder it works in, if not the agent's.
    pub cwd: Option<PathBuf>,
    /// What it reads.
    pub stdin: Hex,
}

/// What a process has said so far, each side cut at [`MAX_SAID`](super::MAX_SAID).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// How it ended, if it has.
    pub ended: Option<ProcessEnd>,
    /// Standard output.
    pub stdout: Hex,
    /// Standard error.
    pub stderr: Hex,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProcessEnd {
    /// By itself, with this status.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

/// A port to be served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Serving {
    /// The host's name.
    pub host: String,
    /// What is served.
    pub serve: Serve,
    /// What it shows, where there is TLS.
    pub identity: Option<Identity>,
    /// The hosts that a name server knows.
    pub names: Names,
}

impl Exec {
    /// A program with its arguments.
    #[must_use]
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self { argv: argv.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.insert(name.to_owned(), value.into());
        self
    }
}

impl Refusal {
    /// Something that goes wrong.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { missing: None, text: text.into() }
    }

    /// Something that is not there.
    #[must_use]
    pub fn missing(what: &str, text: impl Into<String>) -> Self {
        Self { missing: Some(what.to_owned()), text: text.into() }
    }
}

impl From<anyhow::Error> for Refusal {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(refusal) => refusal,
            Err(error) => Self::new(format!("{error:#}")),
        }
    }
}

impl Said {
    /// Whether it ended, and with status 0.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self.ended, Some(ProcessEnd::Code(0)))
    }

    /// What was said on standard output, as text.
    #[must_use]
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout.0).into_owned()
    }

    /// What was said on standard error, as text.
    #[must_use]
    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr.0).into_owned()
    }
}
