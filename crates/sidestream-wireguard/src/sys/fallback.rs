//! Elsewhere: as the system does it.

use std::io;

/// Leaves it to the system whether datagrams are cut on their way.
#[expect(clippy::unnecessary_wraps, reason = "other systems can fail")]
pub(crate) fn allow_fragments<T>(_socket: T, _is_v4: bool) -> io::Result<()> {
    Ok(())
}
