#![doc = include_str!("../README.md")]

mod block;
mod body;
mod content;
mod copy;
mod error;
mod kind;
mod lines;
mod list;
mod lock;
mod pack;
mod process;
mod queue;
mod reader;
mod recorder;
mod row;
mod schema;
mod session;
mod sys;
mod text;
mod verify;
mod wire;
mod writer;

pub use body::BodyReader;
pub use copy::{Copied, Origin, merge, rewrite};
pub use error::{CopyError, CreateError, OpenError, ReadError, StorageError, WriteError};
pub use lines::{ExchangeRow, FlowRow, Moment, ProcessId, ProcessRow, Touched, WantedEntries};
pub use list::{Listed, Span};
pub use lock::is_recorded;
pub use reader::{Contents, Entries, Reader};
pub use recorder::{Recorder, State};
pub use schema::{SchemaVersion, Seq};
pub use session::{Session, Summary};
pub use text::{Indexed, TEXT_BYTES, Wanted, decode, index};
pub use verify::Verified;
