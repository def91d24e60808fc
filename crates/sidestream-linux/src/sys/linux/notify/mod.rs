//! Where namespaces cannot be had: seccomp user notification.
//!
//! The command runs where the caller does, under a filter that has the kernel ask a supervisor
//! before calls that name peers and before opens for reading. The supervisor is a thread of the
//! caller: it makes the connections to our own listeners on the command's very sockets, answers
//! who the peer is, and hands out copies of the files that are covered.

mod abi;
mod address;
mod book;
mod call;
mod capture;
mod connect;
mod files;
mod filter;
mod foreign;
mod grip;
mod launch;
mod memory;
mod message;
mod names;
mod receive;
mod relay;
mod route;
mod send;
mod supervisor;

pub(super) use capture::NotifyCapture;
pub(super) use filter::Filter;
pub(super) use launch::{Prepared, check, install, launch};
pub(super) use supervisor::Supervisor;
