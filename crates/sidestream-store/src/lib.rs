#![doc = include_str!("../README.md")]

mod block;
mod body;
mod content;
mod copy;
mod error;
mod exchanges;
mod finished;
mod kind;
mod list;
mod lock;
mod notes;
mod pack;
mod process;
mod queue;
mod reader;
mod recorder;
mod row;
mod schema;
mod session;
mod sys;
mod verify;
mod wire;
mod writer;

pub use body::BodyReader;
pub use copy::{Copied, Origin, merge, merge_into, rewrite};
pub use error::{CopyError, CreateError, OpenError, ReadError, StorageError, WriteError};
pub use finished::FinishedEntries;
pub use list::{Listed, Span};
pub use notes::append;
pub use reader::{Contents, Entries, Reader};
pub use recorder::{Recorder, State};
pub use schema::{SchemaVersion, Seq};
pub use session::{Session, Summary};
pub use verify::Verified;
