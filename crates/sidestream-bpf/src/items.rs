//! What of a specification on processes is decided in the kernel.

use crate::Pattern;

/// How many items the hooks can know.
pub const MAX_ITEMS: usize = 64;

/// What the hooks decide by about a process that runs another program: the last item that matches
/// decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Items {
    /// Whether a process that no item matches is intercepted.
    pub default: bool,
    /// The items.
    pub items: Vec<Item>,
}

/// One item on processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Whether what matches is left alone, not intercepted.
    pub exclude: bool,
    /// Whether it matches the descendants of what it matches as well.
    pub is_tree: bool,
    /// What matches.
    pub kind: ItemKind,
}

/// What an item matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// The last component of the path of the executable.
    Name(Pattern),
    /// The hooks cannot tell: a process is undecided if that could matter.
    Open,
    /// The path of the executable.
    Path(Pattern),
    /// A process id; whether its process is meant is left open.
    Pid {
        /// The process id.
        pid: u32,
        /// Whether no process has it yet, so that a child may get it.
        is_free: bool,
    },
    /// The real user.
    User(u32),
}
