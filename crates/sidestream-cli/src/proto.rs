//! Definitions of protocol buffers, out of a folder of `.proto` files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sidestream::record::{Exchange, Part};
use sidestream::view::{MessageType, Schema, SchemaError, Side};

/// How many files are read: more than any folder has that was meant.
const MAX_FILES: usize = 10_000;

/// How deep folders are looked into, so that links in a circle come to an end.
const MAX_DEPTH: usize = 32;

/// Why a folder has no definitions to give.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProtoError {
    /// A file is not as the language has it, or one that it imports is missing.
    #[error("in {}: {what}; imports begin at that folder", folder.display())]
    Compile {
        /// The folder.
        folder: PathBuf,
        /// What is wrong, with its file, line and column.
        what: String,
    },
    /// There is no file in it.
    #[error("no .proto file is in {}; name the folder at which imports begin", folder.display())]
    Empty {
        /// The folder.
        folder: PathBuf,
    },
    /// There are too many files in it.
    #[error("more than {MAX_FILES} .proto files are in {}; name another folder", folder.display())]
    Many {
        /// The folder.
        folder: PathBuf,
    },
    /// It cannot be read.
    #[error("cannot read {}; check --proto-dir", path.display())]
    Read {
        /// The folder, or one in it.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The files do not go together.
    #[error("the .proto files in {} do not go together", folder.display())]
    Schema {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: SchemaError,
    },
}

/// Compiles all `.proto` files in a folder, and in those within it.
///
/// # Errors
///
/// One of them is broken; the message says where.
pub fn read(folder: &Path) -> Result<Schema, ProtoError> {
    let io = |source| ProtoError::Read { path: folder.to_owned(), source };
    let folder = std::path::absolute(folder).map_err(io)?;
    let mut files = Vec::new();
    collect(&folder, 0, &mut files)?;
    if files.is_empty() {
        return Err(ProtoError::Empty { folder });
    }
    if files.len() > MAX_FILES {
        return Err(ProtoError::Many { folder });
    }
    files.sort();
    let compile = || {
        let mut compiler = protox::Compiler::new([&folder])?;
        compiler.include_imports(true).open_files(&files)?;
        Ok(compiler.encode_file_descriptor_set())
    };
    let told = |error: protox::Error| {
        // It is the form for debugging that tells file, line and column; at the end of a file it
        // does not.
        let what = format!("{error:?}");
        let what = match error.file() {
            Some(file) if !what.contains(file) => format!("{file}: {what}"),
            _ => what,
        };
        ProtoError::Compile { folder: folder.clone(), what }
    };
    let set = compile().map_err(told)?;
    Schema::new(&set).map_err(|source| ProtoError::Schema { folder, source })
}

fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), ProtoError> {
    let io = |source| ProtoError::Read { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if files.len() > MAX_FILES {
            return Ok(());
        }
        if path.is_dir() && depth < MAX_DEPTH {
            collect(&path, depth + 1, files)?;
        } else if path.extension().is_some_and(|it| it == "proto") && path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

/// Returns the message that a part of an exchange is: by its content type, or as a call.
pub fn message(schema: &Schema, exchange: &Exchange, part: Part) -> Option<MessageType> {
    let (fields, side) = match part {
        Part::Request => (exchange.request.as_ref().map(|head| &head.fields), Side::Request),
        Part::Response => (exchange.response.as_ref().map(|head| &head.fields), Side::Response),
    };
    let types = fields.into_iter().flat_map(|fields| fields.get_all("content-type"));
    let mut named = types.filter_map(|it| schema.named(str::from_utf8(it).ok()?));
    named.next().or_else(|| schema.call(&exchange.url, side))
}
