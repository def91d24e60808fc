//! Files that this process was started with.

use std::fs::File;
use std::io;

use crate::sys;

/// Duplicates a descriptor that this process inherited, as `/dev/fd/N` names it.
///
/// Opening that path instead asks for the right to open the file anew, which whoever was handed
/// only the descriptor may not have.
///
/// # Errors
///
/// There is no such descriptor.
pub fn inherited(descriptor: i32) -> io::Result<File> {
    sys::inherited(descriptor)
}
