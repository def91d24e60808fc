#![doc = include_str!("../README.md")]

mod browsers;
mod compose;
mod der;
mod directory;
mod environment;
mod java;
mod jks;
mod overlay;
mod plan;
mod root;
mod stores;
mod sys;
mod tree;
mod trusted;

pub use overlay::Overlay;
pub use plan::{Entry, EntryKind, Note, NoteKind, OverlayDir, OverlayFile, Plan};
pub use root::{ParseRootError, RootCertificate};
pub use stores::{Change, Place, Scope, Status, Store, Stores, TakeOut, TrustError};
pub use trusted::{Trusted, is_trusted};
