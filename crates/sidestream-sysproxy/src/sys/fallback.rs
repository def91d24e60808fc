//! Any other system: no place is known.

use std::net::SocketAddr;

use sidestream_journal::{JournalError, Outcome, Part, Run, Transaction};

use crate::{Current, Desktop, Place, SysproxyError};

pub(crate) const KINDS: [&str; 0] = [];

pub(crate) fn is_root() -> bool {
    false
}

pub(crate) fn places(_: &Desktop<'_>) -> Result<Vec<Place>, SysproxyError> {
    Err(SysproxyError::Elsewhere)
}

pub(crate) fn current(_: &Desktop<'_>, _: Place) -> Result<Current, SysproxyError> {
    Err(SysproxyError::Elsewhere)
}

pub(crate) fn set(
    _: &Desktop<'_>,
    _: Place,
    _: SocketAddr,
    _: &mut Transaction,
) -> Result<(), SysproxyError> {
    Err(SysproxyError::Elsewhere)
}

pub(crate) fn without(_: &Part, _: &[u8]) -> Option<Vec<u8>> {
    None
}

pub(crate) fn restore(
    _: &Desktop<'_>,
    setting: &Part,
    _: Run<'_>,
) -> Result<Outcome, JournalError> {
    Err(JournalError::Unknown { kind: setting.kind.clone() })
}

pub(crate) fn notify(_: &Desktop<'_>, _: Place) {}
