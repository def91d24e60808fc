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
    /// The user whose rights it has, where that is not the real user, as under `sudo`.
    pub effective_user: Option<User>,
    /// The path of its control group, from the root of the hierarchy: `/user.slice/app.scope`.
    ///
    /// Linux only, and so are all the fields from here to [`package`](Self::package).
    pub cgroup: Option<PathBuf>,
    /// The innermost systemd unit that it belongs to, a slice never: `nginx.service`.
    pub unit: Option<String>,
    /// The container that it runs in.
    pub container: Option<Container>,
    /// The inode of its network namespace, which tells one namespace from another.
    pub netns: Option<u64>,
    /// The package that installed the executable.
    ///
    /// Looked up beside the rest, and so missing in the first records of a program.
    pub package: Option<String>,
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

/// A container, as its runtime knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Container {
    /// The full id; a name is its own id where the runtime gives names alone.
    pub id: String,
    /// The name that people know it by.
    pub name: Option<String>,
    /// The image that it was made from, as it was named then: `nginx:1.27`.
    pub image: Option<String>,
    /// What runs it: `docker`, `podman`, `containerd`, `cri-o`, `lxc`, `systemd-nspawn`.
    pub runtime: Option<String>,
}
