//! How the program ends.

use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All went well; a spec intercepts.
    Success,
    /// A spec passes.
    Passed,
    /// Something went wrong.
    Failure,
    /// The command line, or what it names, makes no sense.
    Usage,
    /// A spec is undecided.
    Undecided,
    /// As the command ended.
    Code(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Passed | Exit::Failure => 1,
            Exit::Usage => 2,
            Exit::Undecided => 3,
            Exit::Code(code) => code,
        })
    }
}
