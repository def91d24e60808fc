//! What killed processes leave that were waiting for their helper.

use crate::sys;

/// Removes the sockets at which killed processes of this user were waiting for their helper, and
/// their folders; a process that lives keeps its own.
///
/// Each start of a capture does so as well.
pub fn remove_left_overs() {
    sys::remove_left_overs();
}
