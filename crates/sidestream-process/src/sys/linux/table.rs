//! Processes, read from `/proc`.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use std::{fs, io};

use sidestream_flow::{Process, User};

use super::stat::Stat;
use super::user;

/// The most processes that are remembered; then all are forgotten and read anew.
const MAX_KEPT: usize = 4096;

/// The most parents that are followed; a chain is longer only while pids are being reused.
const MAX_PARENTS: usize = 256;

/// Reads processes and keeps what it read.
///
/// One that replaced its program (`exec`) is read anew.
#[derive(Debug)]
pub struct Table {
    boot: SystemTime,
    ticks_per_second: u64,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    processes: HashMap<u32, (Stat, Arc<Process>)>,
    users: HashMap<u32, Option<String>>,
}

impl Table {
    /// Opens the process table.
    ///
    /// # Errors
    ///
    /// There is no `/proc` here, or it is not readable.
    pub fn open() -> io::Result<Self> {
        let stat = fs::read_to_string("/proc/stat")?;
        let boot = stat.lines().find_map(|line| line.strip_prefix("btime ")?.parse().ok());
        let missing = || io::Error::new(io::ErrorKind::InvalidData, "no btime in /proc/stat");
        // SAFETY: the call takes no pointers.
        let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
        Ok(Self {
            boot: SystemTime::UNIX_EPOCH + Duration::from_secs(boot.ok_or_else(missing)?),
            ticks_per_second: u64::try_from(ticks).unwrap_or(100).max(1),
            kept: Mutex::default(),
        })
    }

    /// Returns the process with that pid and its parents; `None` if there is none.
    pub fn process(&self, pid: u32) -> Option<Arc<Process>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.processes.len() > MAX_KEPT {
            kept.processes.clear();
        }
        // From the process up, as far as nothing is known yet; then down again, each joined to
        // its parent.
        let (mut unknown, mut next, mut known) = (Vec::new(), pid, None);
        while next != 0 && unknown.len() < MAX_PARENTS {
            let Some(stat) = Stat::read(next) else { break };
            match kept.processes.get(&next) {
                Some((old, process)) if *old == stat => {
                    known = Some(Arc::clone(process));
                    break;
                }
                _ => {
                    let parent = stat.parent;
                    unknown.push((next, stat));
                    next = parent;
                }
            }
        }
        if unknown.is_empty() && known.as_ref()?.pid != pid {
            return None;
        }
        for (pid, stat) in unknown.into_iter().rev() {
            let process = Arc::new(self.read(pid, &stat, known, &mut kept.users));
            kept.processes.insert(pid, (stat, Arc::clone(&process)));
            known = Some(process);
        }
        known
    }

    fn read(
        &self,
        pid: u32,
        stat: &Stat,
        parent: Option<Arc<Process>>,
        users: &mut HashMap<u32, Option<String>>,
    ) -> Process {
        let file = |name| format!("/proc/{pid}/{name}");
        let uid = fs::read_to_string(file("status")).ok().and_then(|status| real_uid(&status));
        let mut name = |uid| users.entry(uid).or_insert_with(|| user::name(uid)).clone();
        // In milliseconds, as seconds would make a process older than it is.
        let age = Duration::from_millis(stat.started.saturating_mul(1000) / self.ticks_per_second);
        Process {
            pid,
            started: self.boot.checked_add(age),
            name: stat.name.clone(),
            path: fs::read_link(file("exe")).ok().map(without_deleted),
            args: fs::read(file("cmdline")).map(|line| split(&line)).unwrap_or_default(),
            cwd: fs::read_link(file("cwd")).ok(),
            user: uid.map(|uid| User { uid, name: name(uid) }),
            parent,
        }
    }
}

fn real_uid(status: &str) -> Option<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// Takes away what the kernel adds to the path of an executable whose file has gone.
fn without_deleted(path: PathBuf) -> PathBuf {
    match path.as_os_str().as_bytes().strip_suffix(b" (deleted)") {
        Some(bare) => OsString::from_vec(bare.to_vec()).into(),
        None => path,
    }
}

fn split(line: &[u8]) -> Vec<String> {
    if line.is_empty() {
        return Vec::new();
    }
    let line = line.strip_suffix(b"\0").unwrap_or(line);
    line.split(|&byte| byte == 0).map(|arg| String::from_utf8_lossy(arg).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::{real_uid, split, without_deleted};

    #[test]
    fn arguments_keep_empty_ones() {
        assert_eq!(split(b"sh\0-c\0\0"), ["sh", "-c", ""]);
        assert_eq!(split(b""), [""; 0]);
        assert_eq!(split(b"renamed title"), ["renamed title"]);
    }

    #[test]
    fn the_real_user_is_the_first() {
        assert_eq!(real_uid("Name:\tx\nUid:\t1000\t0\t0\t0\n"), Some(1000));
        assert_eq!(real_uid("Uid:\t-1"), None);
    }

    #[test]
    fn a_removed_executable_keeps_its_path() {
        assert_eq!(without_deleted("/bin/x (deleted)".into()).to_str(), Some("/bin/x"));
        assert_eq!(without_deleted("/bin/x".into()).to_str(), Some("/bin/x"));
    }
}
