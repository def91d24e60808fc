//! Processes.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use sidestream_flow::Process;

use super::FieldError;
use crate::ProcessRecord;
use crate::sys::{path_from_bytes, path_to_bytes};

/// A process and the key that names it. Paths are bytes, as the system has them.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Record {
    #[prost(uint64, tag = "1")]
    key: u64,
    /// The key of its parent.
    #[prost(uint64, optional, tag = "2")]
    parent: Option<u64>,
    #[prost(uint32, tag = "3")]
    pid: u32,
    #[prost(message, optional, tag = "4")]
    started: Option<Time>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(bytes = "vec", optional, tag = "6")]
    path: Option<Vec<u8>>,
    #[prost(string, repeated, tag = "7")]
    args: Vec<String>,
    #[prost(bytes = "vec", optional, tag = "8")]
    cwd: Option<Vec<u8>>,
    #[prost(message, optional, tag = "9")]
    user: Option<User>,
    #[prost(message, optional, tag = "10")]
    effective_user: Option<User>,
    #[prost(bytes = "vec", optional, tag = "11")]
    cgroup: Option<Vec<u8>>,
    #[prost(string, optional, tag = "12")]
    unit: Option<String>,
    #[prost(message, optional, tag = "13")]
    container: Option<Container>,
    #[prost(uint64, optional, tag = "14")]
    netns: Option<u64>,
    #[prost(string, optional, tag = "15")]
    package: Option<String>,
}

/// A time, counted from the start of 1970.
#[derive(Clone, Copy, PartialEq, prost::Message)]
struct Time {
    #[prost(sint64, tag = "1")]
    seconds: i64,
    /// Always forward, and less than a second.
    #[prost(uint32, tag = "2")]
    nanoseconds: u32,
}

/// A user account.
#[derive(Clone, PartialEq, prost::Message)]
struct User {
    #[prost(uint32, tag = "1")]
    uid: u32,
    #[prost(string, optional, tag = "2")]
    name: Option<String>,
}

/// A container.
#[derive(Clone, PartialEq, prost::Message)]
struct Container {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, optional, tag = "2")]
    name: Option<String>,
    #[prost(string, optional, tag = "3")]
    runtime: Option<String>,
    #[prost(string, optional, tag = "4")]
    image: Option<String>,
}

impl From<&ProcessRecord> for Record {
    fn from(record: &ProcessRecord) -> Self {
        // Named one by one, so that a new field cannot be forgotten.
        let Process {
            pid,
            started,
            name,
            path,
            args,
            cwd,
            user,
            effective_user,
            cgroup,
            unit,
            container,
            netns,
            package,
            parent: _,
        } = &record.process;
        let bytes = |path: &Option<PathBuf>| path.as_deref().map(path_to_bytes);
        Self {
            key: record.key,
            parent: record.parent,
            pid: *pid,
            started: started.map(Time::from),
            name: name.clone(),
            path: bytes(path),
            args: args.clone(),
            cwd: bytes(cwd),
            user: user.as_ref().map(User::from),
            effective_user: effective_user.as_ref().map(User::from),
            cgroup: bytes(cgroup),
            unit: unit.clone(),
            container: container.as_ref().map(Container::from),
            netns: *netns,
            package: package.clone(),
        }
    }
}

impl TryFrom<Record> for ProcessRecord {
    type Error = FieldError;

    fn try_from(record: Record) -> Result<Self, FieldError> {
        let process = Process {
            pid: record.pid,
            started: record.started.map(SystemTime::try_from).transpose()?,
            name: record.name,
            path: record.path.map(path_from_bytes),
            args: record.args,
            cwd: record.cwd.map(path_from_bytes),
            user: record.user.map(Into::into),
            effective_user: record.effective_user.map(Into::into),
            cgroup: record.cgroup.map(path_from_bytes),
            unit: record.unit,
            container: record.container.map(Into::into),
            netns: record.netns,
            package: record.package,
            parent: None,
        };
        Ok(Self { key: record.key, parent: record.parent, process })
    }
}

impl From<&sidestream_flow::User> for User {
    fn from(user: &sidestream_flow::User) -> Self {
        Self { uid: user.uid, name: user.name.clone() }
    }
}

impl From<User> for sidestream_flow::User {
    fn from(User { uid, name }: User) -> Self {
        Self { uid, name }
    }
}

impl From<&sidestream_flow::Container> for Container {
    fn from(container: &sidestream_flow::Container) -> Self {
        let sidestream_flow::Container { id, name, image, runtime } = container.clone();
        Self { id, name, runtime, image }
    }
}

impl From<Container> for sidestream_flow::Container {
    fn from(Container { id, name, runtime, image }: Container) -> Self {
        Self { id, name, image, runtime }
    }
}

const SECOND: u32 = 1_000_000_000;

impl From<SystemTime> for Time {
    fn from(at: SystemTime) -> Self {
        let whole = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        match at.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => Self { seconds: whole(since), nanoseconds: since.subsec_nanos() },
            Err(before) => match (whole(before.duration()), before.duration().subsec_nanos()) {
                (seconds, 0) => Self { seconds: -seconds, nanoseconds: 0 },
                (seconds, past) => Self { seconds: -seconds - 1, nanoseconds: SECOND - past },
            },
        }
    }
}

impl TryFrom<Time> for SystemTime {
    type Error = FieldError;

    fn try_from(Time { seconds, nanoseconds }: Time) -> Result<Self, FieldError> {
        let whole = Duration::from_secs(seconds.unsigned_abs());
        let at = if seconds < 0 {
            Self::UNIX_EPOCH.checked_sub(whole)
        } else {
            Self::UNIX_EPOCH.checked_add(whole)
        };
        at.filter(|_| nanoseconds < SECOND)
            .and_then(|at| at.checked_add(Duration::from_nanos(nanoseconds.into())))
            .ok_or(FieldError::Invalid("the start of a process"))
    }
}
