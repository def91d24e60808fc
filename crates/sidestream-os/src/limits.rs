//! How much of the system this process may have.

use std::io;

use crate::sys;

/// Lets this process have as many files open as the system allows it: each flow takes two.
///
/// The soft limit is raised to the hard one, which takes no right. What this process starts
/// afterwards has the raised limit as well; [`Command`](crate::Command) raises it by itself, after
/// the command was started with its own.
///
/// # Errors
///
/// The system did not allow it, and the limit is as it was.
pub fn raise_open_files() -> io::Result<()> {
    sys::raise_open_files()
}
