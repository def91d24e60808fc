#![doc = include_str!("../README.md")]

mod block;
mod body;
mod content;
mod copy;
mod error;
mod kind;
mod list;
mod lock;
mod pack;
mod process;
mod queue;
mod reader;
mod recorder;
mod retention;
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
pub use list::{Listed, Span};
pub use reader::{Contents, Entries, Reader};
pub use recorder::{Recorder, State};
pub use retention::Retention;
pub use schema::{SchemaVersion, Seq};
pub use session::{Session, Summary};
pub use text::{Indexed, TEXT_BYTES, Wanted, decode, index};
pub use verify::Verified;
