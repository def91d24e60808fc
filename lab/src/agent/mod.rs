//! What runs inside of a host: starts programs, moves files, serves origins, and tells what is
//! there, over its standard input and output; and the other side of that.

mod files;
mod origins;
mod process;
mod program;
mod remote;
mod serve;
mod traces;
pub mod wire;
mod words;

pub use process::MAX_SAID;
pub use remote::{Remote, RemoteError};
pub use serve::{Options, serve};
pub use words::{
    Exec, Given, Hello, ProcessEnd, ProcessId, Refusal, Reply, Request, Said, Serving, Want,
};
