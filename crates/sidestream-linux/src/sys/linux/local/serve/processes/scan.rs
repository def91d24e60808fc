//! Looks at `/proc` for what no event told.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use super::{Identity, Image};

/// A process as a look at `/proc` found it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) identity: Identity,
    /// The pid of who it belongs to: whom it was made by, or who took it over.
    pub(crate) parent: u32,
    pub(crate) uid: u32,
    pub(crate) image: Image,
}

/// Looks at every process.
pub(crate) fn scan() -> Vec<Seen> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(look).collect()
}

/// Looks at one process; `None` if there is none with that pid.
pub(crate) fn look(pid: u32) -> Option<Seen> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let path = fs::read_link(format!("/proc/{pid}/exe")).ok().map(without_deleted);
    let (comm, parent, ticks) = parse_stat(&stat)?;
    let image = Image { path, comm, args: Vec::new() };
    Some(Seen { identity: Identity { pid, ticks }, parent, uid: real_uid(&status)?, image })
}

/// Takes the name, the parent and the start out of `proc_pid_stat(5)`; the name is whatever the
/// process chose, parentheses included.
fn parse_stat(text: &[u8]) -> Option<(String, u32, u64)> {
    let open = text.iter().position(|&byte| byte == b'(')?;
    let close = text.iter().rposition(|&byte| byte == b')')?;
    let name = String::from_utf8_lossy(text.get(open + 1..close)?).into_owned();
    let mut fields = str::from_utf8(text.get(close + 1..)?).ok()?.split_ascii_whitespace();
    // The manual counts from 1; what follows the name is the third field, the state.
    let parent = fields.nth(4 - 3)?.parse().ok()?;
    let started = fields.nth(22 - 5)?.parse().ok()?;
    Some((name, parent, started))
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

#[cfg(test)]
mod tests {
    use super::{look, parse_stat, real_uid};

    const TAIL: &str = "2 2 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 777 1000 10 99 1 1 555 0";

    #[test]
    fn a_name_may_hold_parentheses_and_spaces() {
        let stat = format!("7 (a) b (c) S 3 {TAIL}");
        assert_eq!(parse_stat(stat.as_bytes()), Some(("a) b (c".to_owned(), 3, 777)));
    }

    #[test]
    fn a_cut_file_is_nothing() {
        for text in ["", "7", "7 (a", "7 a)", "7 (a) S", "7 (a) S 3 2 2"] {
            assert_eq!(parse_stat(text.as_bytes()), None, "{text}");
        }
        assert_eq!(real_uid("Uid:\t-1"), None);
    }

    #[test]
    fn we_can_be_seen() {
        let seen = look(std::process::id()).unwrap();
        assert_eq!(seen.image.path, std::env::current_exe().ok());
        assert_eq!(seen.parent, std::os::unix::process::parent_id());
    }
}
