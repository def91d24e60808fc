//! Processes on disk, one row each, their parents in rows of their own.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use sidestream_flow::{Container, Process, User};

use super::{DecodeError, check, message, nanoseconds, time};
use crate::sys;

/// A process without its parent.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ProcessFields {
    #[prost(uint32, tag = "1")]
    pid: u32,
    /// Nanoseconds since 1970.
    #[prost(sint64, optional, tag = "2")]
    started: Option<i64>,
    #[prost(string, tag = "3")]
    name: String,
    /// Paths are bytes, as the system has them.
    #[prost(bytes = "vec", optional, tag = "4")]
    path: Option<Vec<u8>>,
    #[prost(string, repeated, tag = "5")]
    args: Vec<String>,
    #[prost(bytes = "vec", optional, tag = "6")]
    cwd: Option<Vec<u8>>,
    #[prost(uint32, optional, tag = "7")]
    uid: Option<u32>,
    #[prost(string, optional, tag = "8")]
    user: Option<String>,
    #[prost(uint32, optional, tag = "9")]
    effective_uid: Option<u32>,
    #[prost(string, optional, tag = "10")]
    effective_user: Option<String>,
    #[prost(bytes = "vec", optional, tag = "11")]
    cgroup: Option<Vec<u8>>,
    #[prost(string, optional, tag = "12")]
    unit: Option<String>,
    #[prost(message, optional, tag = "13")]
    container: Option<ContainerFields>,
    #[prost(uint64, optional, tag = "14")]
    netns: Option<u64>,
    #[prost(string, optional, tag = "15")]
    package: Option<String>,
    /// The CRC-32 of all that stands before it.
    #[prost(fixed32, optional, tag = "16")]
    check: Option<u32>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ContainerFields {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, optional, tag = "2")]
    name: Option<String>,
    #[prost(string, optional, tag = "3")]
    runtime: Option<String>,
    #[prost(string, optional, tag = "4")]
    image: Option<String>,
}

impl From<&Container> for ContainerFields {
    fn from(container: &Container) -> Self {
        let Container { id, name, image, runtime } = container.clone();
        Self { id, name, runtime, image }
    }
}

impl From<ContainerFields> for Container {
    fn from(fields: ContainerFields) -> Self {
        let ContainerFields { id, name, runtime, image } = fields;
        Self { id, name, image, runtime }
    }
}

impl ProcessFields {
    /// Encodes a process without its parent.
    pub(crate) fn encode(process: &Process) -> Vec<u8> {
        let bytes = |path: &PathBuf| sys::path_to_bytes(path);
        let uid = |user: &Option<User>| user.as_ref().map(|user| user.uid);
        let name = |user: &Option<User>| user.as_ref().and_then(|user| user.name.clone());
        let fields = Self {
            pid: process.pid,
            started: process.started.map(nanoseconds),
            name: process.name.clone(),
            path: process.path.as_ref().map(bytes),
            args: process.args.clone(),
            cwd: process.cwd.as_ref().map(bytes),
            uid: uid(&process.user),
            user: name(&process.user),
            effective_uid: uid(&process.effective_user),
            effective_user: name(&process.effective_user),
            cgroup: process.cgroup.as_ref().map(bytes),
            unit: process.unit.clone(),
            container: process.container.as_ref().map(ContainerFields::from),
            netns: process.netns,
            package: process.package.clone(),
            check: None,
        };
        let mut payload = fields.encode_to_vec();
        check::seal(&mut payload);
        payload
    }

    /// Decodes a process and gives it its parent.
    pub(crate) fn decode(
        payload: Vec<u8>,
        parent: Option<Arc<Process>>,
    ) -> Result<Process, DecodeError> {
        let payload = Bytes::from(payload);
        let fields: Self = message(payload.clone())?;
        if !check::is_whole(&payload, fields.check) {
            return Err(DecodeError::Damaged("a process"));
        }
        Ok(Process {
            pid: fields.pid,
            started: fields.started.map(time),
            name: fields.name,
            path: fields.path.map(sys::path_from_bytes),
            args: fields.args,
            cwd: fields.cwd.map(sys::path_from_bytes),
            user: fields.uid.map(|uid| User { uid, name: fields.user }),
            effective_user: fields
                .effective_uid
                .map(|uid| User { uid, name: fields.effective_user }),
            cgroup: fields.cgroup.map(sys::path_from_bytes),
            unit: fields.unit,
            container: fields.container.map(Container::from),
            netns: fields.netns,
            package: fields.package,
            parent,
        })
    }
}
