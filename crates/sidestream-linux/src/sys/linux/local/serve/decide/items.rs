//! What the kernel decides by itself when a process runs another program.

use sidestream_bpf::{Item, ItemKind, Items, MAX_ITEMS, Pattern};
use sidestream_spec::{Fact, Matcher, ProcessMatcher, Spec, Verdict};

/// Writes a spec for the kernel; `None` if it is too long.
///
/// Of the pid of a process that is yet to be made is known what `child_pid` says. `uid` finds the
/// only user with a name.
pub(crate) fn compile(
    spec: &Spec,
    child_pid: Fact<u32>,
    uid: impl Fn(&str) -> Option<u32>,
) -> Option<Items> {
    if spec.items().len() > MAX_ITEMS {
        return None;
    }
    let items = spec.items().map(|item| {
        let (is_tree, kind) = match item.matcher() {
            Matcher::Process(matcher) => (false, kind(matcher, child_pid, &uid)),
            Matcher::Tree(matcher) => (true, kind(matcher, child_pid, &uid)),
            // Where a process will connect to is not known yet.
            Matcher::Host(_) | Matcher::Net(_) | Matcher::Port(_) => (false, ItemKind::Open),
        };
        Item { exclude: item.excludes(), is_tree, kind }
    });
    let default = spec.default_verdict() == Verdict::Intercept;
    Some(Items { default, items: items.collect() })
}

fn kind(
    matcher: &ProcessMatcher,
    child_pid: Fact<u32>,
    uid: impl Fn(&str) -> Option<u32>,
) -> ItemKind {
    match matcher {
        ProcessMatcher::Name(glob) => ItemKind::Name(Pattern::glob(glob.as_str())),
        ProcessMatcher::Path(glob) => ItemKind::Path(Pattern::glob(glob.as_str())),
        ProcessMatcher::Word(word) => ItemKind::Path(Pattern::containing(word)),
        &ProcessMatcher::Pid(pid) => {
            ItemKind::Pid { pid, is_free: pid != 0 && child_pid == Fact::Unknown }
        }
        ProcessMatcher::User(name) => uid(name).map_or(ItemKind::Open, ItemKind::User),
        ProcessMatcher::Cgroup(_) | ProcessMatcher::Container(_) | ProcessMatcher::Unit(_) => {
            ItemKind::Open
        }
    }
}

#[cfg(test)]
mod tests;
