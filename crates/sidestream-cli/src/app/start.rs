//! What every command that serves flows needs first.

use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sidestream::proxy::{HostRules, UpstreamTrust};

use super::confdir;
use crate::print::Detail;
use crate::root::{Kept, Root, RootError};
use crate::say::say;
use crate::settings::Settings;

/// Opens the kept root. Where there is no place to keep one, makes one for this time, and says
/// so.
pub(super) fn root_or_ephemeral(settings: &Settings) -> anyhow::Result<Root> {
    match root(settings) {
        Err(error) if error.is_for_want_of_a_place() && settings.confdir.is_none() => {
            if settings.detail > Detail::Quiet {
                say("no folder for the root key can be written to (--confdir DIR names one); \
                     a root is made for this run alone");
            }
            Ok(Root::ephemeral()?)
        }
        root => Ok(root?),
    }
}

/// Opens the kept root, and warns if others can read its key.
pub(super) fn root(settings: &Settings) -> Result<Root, RootError> {
    let folder = confdir(settings);
    let root = Root::open(folder.as_deref())?;
    if let Some(kept) = folder.as_deref().map(Kept::new).filter(Kept::is_exposed) {
        let path = kept.key_path();
        say(format_args!("others can read the root key: chmod 600 {}", path.display()));
    }
    Ok(root)
}

/// Reads which hosts are passed as they are, or treated as bytes.
pub(super) fn hosts(settings: &Settings) -> anyhow::Result<HostRules> {
    HostRules::new(&settings.hosts)
        .context("--ignore-hosts, --allow-hosts, --tcp-hosts, --udp-hosts")
}

/// Returns whether what goes over the wire is recorded, which needs a place, and connections that
/// are one flow's alone.
pub(super) fn wire(settings: &Settings) -> anyhow::Result<bool> {
    ensure!(
        !settings.wire || settings.session.is_some(),
        "--wire records to a session: add --session FILE"
    );
    ensure!(
        !settings.retention.is_limited() || settings.session.is_some(),
        "--keep-age, --keep-exchanges and --keep-size are for sessions: add --session FILE"
    );
    ensure!(
        !settings.wire || !settings.connections.shared,
        "--wire records the connections of each flow, and --share-upstream has flows share them: \
         leave one out"
    );
    Ok(settings.wire)
}

/// Reads which servers are trusted.
pub(super) fn trust(settings: &Settings) -> anyhow::Result<UpstreamTrust> {
    let roots = settings.ca.iter().map(read_roots).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(UpstreamTrust { roots: roots.concat(), insecure: settings.insecure })
}

fn read_roots(path: &PathBuf) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let read = || -> anyhow::Result<_> {
        let text = std::fs::read(path)?;
        Ok(CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>()?)
    };
    let roots = read().with_context(|| format!("cannot read roots from {}", path.display()))?;
    if roots.is_empty() {
        bail!("{} holds no certificate, give one or more in PEM", path.display());
    }
    Ok(roots)
}
