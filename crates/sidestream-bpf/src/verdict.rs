//! What is to become of a process's connections.

/// What is to become of the connections of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// They are diverted, and whoever accepts them decides.
    #[default]
    Undecided,
    /// They are left alone.
    Pass,
    /// They are diverted.
    Intercept,
    /// The set of rules with this number decides on each.
    Rules(u16),
}

/// The verdicts on a process and on those it will make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Verdicts {
    /// On the process itself.
    pub own: Verdict,
    /// On its children, until they run another program, and on theirs.
    pub child: Verdict,
    /// Whether an item on a tree of processes matches the process itself or one of its ancestors,
    /// or may do so.
    pub is_in_tree: bool,
}
