//! Whether flows of the whole machine are decrypted: only where programs would not break.

use std::path::Path;

use sidestream::trust::{self, RootCertificate};

use crate::root::Root;
use crate::say::say;
use crate::settings::Settings;

/// Returns whether the programs of this machine trust the root, as far as can be known: the
/// machine does, or the user says so.
pub(super) fn is_trusted(root: &Root, settings: &Settings) -> bool {
    let certificate = RootCertificate::from_der(root.authority.certificate_der());
    let by_machine = certificate
        .is_ok_and(|certificate| trust::is_trusted(&certificate, Path::new("/")).by_machine);
    settings.ca_trusted || by_machine
}

/// Tells that they do not, and what to do.
pub(super) fn tell(root: &Root) {
    let path = root.certificate_path.as_deref().unwrap_or_else(|| Path::new(""));
    say(format_args!(
        "not decrypting: this machine does not trust the root at {}; TLS passes unread. Add it to \
         the machine's store or give --ca-trusted",
        path.display()
    ));
}
