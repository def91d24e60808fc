//! `import`: makes sessions out of what other programs have recorded.

mod dump;
mod har;
mod place;
mod session;
mod url;

use std::fs::File;
use std::io::{Chain, Cursor, Read};

use anyhow::Context;
use sidestream::dump::looks_like_dump;
use sidestream::har::looks_like_har;
use sidestream::store::CopyError;

use crate::args::ImportArgs;
use crate::exit::Exit;

use place::Place;
pub(crate) use url::{Authority, target};

/// A file, or a pipe, of which the beginning was looked at.
type Input = Chain<Cursor<Vec<u8>>, File>;

/// Imports a file, which is known by its content.
///
/// # Errors
///
/// The file cannot be read or is of no kind that is known, or the session cannot be written. What
/// is broken in the file is told, the rest imported, and the exit status is not that of success.
pub fn import(args: &ImportArgs) -> anyhow::Result<Exit> {
    let shown = args.file.display();
    let mut file = File::open(&args.file).with_context(|| format!("cannot read {shown}"))?;
    let mut beginning = Vec::new();
    let read = (&mut file).take(512).read_to_end(&mut beginning);
    read.with_context(|| format!("cannot read {shown}"))?;
    if beginning.starts_with(b"SQLite format 3\0") {
        let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
        anyhow::ensure!(is_file, "{shown} is a session in a pipe, of which its file is needed");
        return session::import(&args.file, &args.session);
    }
    let read: fn(Input, &mut Place) -> anyhow::Result<()> = if looks_like_har(&beginning) {
        har::import
    } else if looks_like_dump(&beginning) {
        dump::import
    } else {
        anyhow::bail!(
            "{shown} is of no kind that can be imported, which are sessions, HTTP archives \
             (HAR) and mitmproxy's dump files"
        )
    };
    let mut place = Place::open(&args.session)?;
    let imported = read(Cursor::new(beginning).chain(file), &mut place);
    let (imported, closed) = match imported {
        // What was written is taken back.
        Err(error) if error.is::<CopyError>() => {
            drop(place);
            (Ok(()), Err(error))
        }
        imported => {
            let closed = place.close(imported.is_ok());
            (imported, closed)
        }
    };
    let is_lacking =
        closed.with_context(|| format!("nothing is imported into {}", args.session.display()))?;
    imported.with_context(|| format!("{shown}"))?;
    Ok(if is_lacking { Exit::Failure } else { Exit::Success })
}
