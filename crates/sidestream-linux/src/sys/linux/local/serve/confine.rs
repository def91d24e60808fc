//! The helper gives up what it does not need, before it hears from anybody.

use std::io;

use rustix::fs::Mode;
use rustix::process::{DumpableBehavior, Resource, Rlimit};
use rustix::thread::{CapabilitySet, CapabilitySets};
use rustix::{process, thread};

/// What capturing needs: hooks, devices and listeners, a look at kernel memory from within hooks.
const NEEDED: CapabilitySet =
    CapabilitySet::BPF.union(CapabilitySet::NET_ADMIN).union(CapabilitySet::PERFMON);

/// What a look at the processes of other users needs besides.
const FOR_ALL_USERS: CapabilitySet =
    CapabilitySet::SYS_PTRACE.union(CapabilitySet::DAC_READ_SEARCH);

/// What entering other network namespaces needs: kept aside, and in force only while one is
/// entered.
const KEPT_ASIDE: CapabilitySet = CapabilitySet::SYS_ADMIN;

/// Cuts this process off from what it was started with: descriptors beyond the standard three,
/// the environment, the working directory, the file mode mask; and keeps others from looking
/// into it.
///
/// To be called first, while there is one thread.
///
/// # Errors
///
/// The system refused.
pub fn isolate() -> io::Result<()> {
    // SAFETY: nothing in this process has opened a descriptor yet that it would use again; this
    // is the contract of the function, and closing has no effect on memory.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32) };
    if closed != 0 {
        close_each()?;
    }
    // SAFETY: there is one thread, so that nobody reads the environment meanwhile.
    unsafe { libc::clearenv() };
    process::umask(Mode::from_raw_mode(0o077));
    process::chdir("/")?;
    process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    // Before Linux 5.11 maps count as locked memory. Later it does not matter.
    let unlimited = Rlimit { current: None, maximum: None };
    if process::setrlimit(Resource::Memlock, unlimited).is_err() {
        raise(Resource::Memlock)?;
    }
    raise(Resource::Nofile)
}

/// Gives up every capability but those that capturing needs, and the way to get any back.
///
/// # Errors
///
/// A capability that is needed is not there: root or file capabilities give it.
pub fn restrict(all_users: bool) -> io::Result<()> {
    let wanted = if all_users { NEEDED.union(FOR_ALL_USERS) } else { NEEDED };
    let had = thread::capabilities(None)?;
    let in_force = (wanted | stand_in(had.permitted)) & had.permitted;
    let aside = if all_users { KEPT_ASIDE & had.permitted } else { CapabilitySet::empty() };
    let kept = in_force | aside;
    if had.effective.contains(CapabilitySet::SETPCAP) {
        for capability in CapabilitySet::all().difference(kept).iter() {
            match thread::remove_capability_from_bounding_set(capability) {
                // A kernel that does not know it yet.
                Err(rustix::io::Errno::INVAL) => {}
                other => other?,
            }
        }
    }
    thread::clear_ambient_capability_set()?;
    let sets = CapabilitySets {
        effective: in_force,
        permitted: kept,
        inheritable: CapabilitySet::empty(),
    };
    thread::set_capabilities(None, sets)?;
    thread::set_no_new_privs(true)?;
    Ok(())
}

/// Returns what stands in for capabilities that are not there: kernels before 5.8 do not know the
/// newer ones, and containers of older engines do not hand them out.
fn stand_in(permitted: CapabilitySet) -> CapabilitySet {
    let newer = CapabilitySet::BPF.union(CapabilitySet::PERFMON);
    if permitted.contains(newer) { CapabilitySet::empty() } else { CapabilitySet::SYS_ADMIN }
}

/// Raises a soft limit to the hard one.
fn raise(resource: Resource) -> io::Result<()> {
    let maximum = process::getrlimit(resource).maximum;
    Ok(process::setrlimit(resource, Rlimit { current: maximum, maximum })?)
}

/// Closes what is open one by one, on kernels before 5.9 and in sandboxes.
fn close_each() -> io::Result<()> {
    let entries = std::fs::read_dir("/proc/self/fd")?.flatten();
    let open: Vec<i32> = entries.filter_map(|it| it.file_name().to_str()?.parse().ok()).collect();
    for fd in open.into_iter().filter(|&fd| fd > 2) {
        // SAFETY: as above; what was open for reading the folder is closed already.
        unsafe { libc::close(fd) };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_to_everything_is_kept_only_where_it_stands_in_for_newer_ones() {
        let newer = CapabilitySet::BPF | CapabilitySet::PERFMON;
        assert!(stand_in(newer | CapabilitySet::SYS_ADMIN).is_empty());
        assert_eq!(stand_in(CapabilitySet::SYS_ADMIN), CapabilitySet::SYS_ADMIN);
        assert_eq!(stand_in(CapabilitySet::BPF), CapabilitySet::SYS_ADMIN);
    }
}
