//! A spec in a file: of any length, with comments, an item or several a line.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sidestream::spec::{ParseSpecError, Spec};

/// Why a file gives no spec.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpecFileError {
    /// It cannot be read.
    #[error("cannot read the spec from {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What stands in it is no spec.
    #[error("{}, line {line}: not a spec:\n{}", path.display(), source.render(text))]
    Parse {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What stands there.
        text: String,
        /// What is wrong with it.
        source: ParseSpecError,
    },
}

/// Reads a spec from a file.
///
/// Line ends stand for commas, and a comma before one may be left out. A `#` at the beginning of
/// a line or behind white space begins a comment. Without an item, the spec intercepts nothing.
///
/// # Errors
///
/// The file cannot be read, or a line of it is no spec.
pub fn read(path: &Path) -> Result<Spec, SpecFileError> {
    let whole = fs::read_to_string(path)
        .map_err(|source| SpecFileError::Read { path: path.to_owned(), source })?;
    let mut items = Vec::new();
    for (index, line) in whole.lines().enumerate() {
        let text = bare(line);
        if text.is_empty() {
            continue;
        }
        // Line by line, so that an error shows one line and not all that there are.
        match text.parse::<Spec>() {
            Ok(_) => items.push(text),
            Err(source) => {
                let (path, text) = (path.to_owned(), text.to_owned());
                return Err(SpecFileError::Parse { path, line: index + 1, text, source });
            }
        }
    }
    // A list of lists that parse is one that parses.
    Ok(items.join(",").parse().unwrap_or_else(|_: ParseSpecError| Spec::nothing()))
}

/// Takes the comment off a line, and a comma that its end stands for anyway.
fn bare(line: &str) -> &str {
    let is_comment =
        |(at, _): &(usize, &str)| line[..*at].chars().next_back().is_none_or(char::is_whitespace);
    let end = line.match_indices('#').find(is_comment).map_or(line.len(), |(at, _)| at);
    let text = line[..end].trim();
    text.strip_suffix(',').map_or(text, str::trim_end)
}
