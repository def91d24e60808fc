//! Which content codings a message says that its body has.

use sidestream::coding::Codings;
use sidestream::record::Fields;

/// Reads them (RFC 9110 §8.4).
pub fn of(fields: &Fields) -> Codings {
    Codings::parse(fields.get_all("content-encoding").map(|value| &value[..]))
}
