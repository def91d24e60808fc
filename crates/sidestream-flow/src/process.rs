//! Who caused a flow.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

/// A process as it was when it opened the flow.
///
/// A record, not a handle: it stays true after the process has gone. A pid alone may be reused,
/// a pid together with [`started`](Self::started) may not. What could not be read is `None` or
/// empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Process {
    /// The process id as the proxy's own pid namespace has it.
    pub pid: u32,
    /// When the process was started.
    pub started: Option<SystemTime>,
    /// The kernel's short name of the process, which the process can change.
    pub name: String,
    /// The executable.
    pub path: Option<PathBuf>,
    /// The argument vector, the program's own name first.
    pub args: Vec<String>,
    /// The working directory.
    pub cwd: Option<PathBuf>,
    /// The real user.
    pub user: Option<User>,
    /// The parent, whose parent follows in turn, up to init.
    pub parent: Option<Arc<Self>>,
}

impl Process {
    /// Iterates over the parent, its parent, and so on.
    pub fn parents(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(self.parent.as_deref(), |process| process.parent.as_deref())
    }
}

/// A user account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct User {
    /// The numeric id.
    pub uid: u32,
    /// The name in the user database, where it has one.
    pub name: Option<String>,
}
