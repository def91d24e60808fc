//! Where a process is looked for.

/// Among which processes the one behind a flow is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scope {
    /// Among all that are seen from here.
    All,
    /// Among the descendants of the one with this id.
    Below(u32),
}
