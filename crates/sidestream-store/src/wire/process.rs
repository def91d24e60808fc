//! Processes on disk, one row each, their parents in rows of their own.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use sidestream_flow::{Process, User};

use super::{DecodeError, message, nanoseconds, time};
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
}

impl ProcessFields {
    /// Encodes a process without its parent.
    pub(crate) fn encode(process: &Process) -> Vec<u8> {
        let bytes = |path: &PathBuf| sys::path_to_bytes(path);
        let fields = Self {
            pid: process.pid,
            started: process.started.map(nanoseconds),
            name: process.name.clone(),
            path: process.path.as_ref().map(bytes),
            args: process.args.clone(),
            cwd: process.cwd.as_ref().map(bytes),
            uid: process.user.as_ref().map(|user| user.uid),
            user: process.user.as_ref().and_then(|user| user.name.clone()),
        };
        fields.encode_to_vec()
    }

    /// Decodes a process and gives it its parent.
    pub(crate) fn decode(
        payload: Vec<u8>,
        parent: Option<Arc<Process>>,
    ) -> Result<Process, DecodeError> {
        let fields: Self = message(Bytes::from(payload))?;
        Ok(Process {
            pid: fields.pid,
            started: fields.started.map(time),
            name: fields.name,
            path: fields.path.map(sys::path_from_bytes),
            args: fields.args,
            cwd: fields.cwd.map(sys::path_from_bytes),
            user: fields.uid.map(|uid| User { uid, name: fields.user }),
            parent,
        })
    }
}
