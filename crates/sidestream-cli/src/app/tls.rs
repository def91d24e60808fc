//! Reading what the user says of TLS, with the files that it names.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use rustls::sign::CertifiedKey;
use sidestream::proxy::{
    ClientCerts, Copied, KeyLogFile, OwnCerts, SideOptions, TlsOptions, Versions, certified_key,
    parse_ciphers,
};

use crate::settings::{Bound, Settings, Tls};

/// Reads how TLS is spoken.
pub(super) fn options(settings: &Settings) -> anyhow::Result<TlsOptions> {
    let tls = &settings.tls;
    Ok(TlsOptions {
        certs: own_certs(tls)?,
        client: side("client", tls.versions_client, tls.ciphers_client.as_deref())?,
        client_certs: tls
            .client_certs
            .as_deref()
            .map(client_certs)
            .transpose()?
            .unwrap_or_default(),
        key_log: tls.ssl_key_log_file.as_deref().map(key_log).transpose()?,
        request_client_cert: tls.request_client_cert,
        server: side("server", tls.versions_server, tls.ciphers_server.as_deref())?,
        upstream: copied(tls)?,
    })
}

fn copied(tls: &Tls) -> anyhow::Result<Copied> {
    Ok(match (tls.ignores_upstream_cert, tls.add_upstream_certs_to_client_chain) {
        (false, false) => Copied::Names,
        (false, true) => Copied::NamesAndChain,
        (true, false) => Copied::Nothing,
        (true, true) => {
            bail!("--add-upstream-certs-to-client-chain needs --upstream-cert: give one of the two")
        }
    })
}

fn side(
    name: &str,
    [min, max]: [Option<Bound>; 2],
    ciphers: Option<&str>,
) -> anyhow::Result<SideOptions> {
    let all = Versions::default();
    let versions = Versions {
        min: min.map_or(all.min, |Bound(version)| version),
        max: max.map_or(all.max, |Bound(version)| version),
    };
    if versions.min > versions.max {
        bail!("--tls-version-{name}-min is above --tls-version-{name}-max: swap them");
    }
    let option = || format!("--ciphers-{name}");
    let ciphers = ciphers.map(|list| parse_ciphers(list).with_context(option)).transpose()?;
    let is_spoken = |suite: &rustls::SupportedCipherSuite| {
        (suite.tls13().is_some() && versions.max == all.max)
            || (suite.tls13().is_none() && versions.min == all.min)
    };
    if ciphers.as_ref().is_some_and(|ciphers| !ciphers.iter().any(is_spoken)) {
        bail!("--ciphers-{name} has none of the versions that --tls-version-{name}-… allow");
    }
    Ok(SideOptions { versions, ciphers })
}

fn own_certs(tls: &Tls) -> anyhow::Result<OwnCerts> {
    let mut certs = OwnCerts::default();
    for own in &tls.certs {
        certs.insert(&own.domain, read(&own.path)?);
    }
    Ok(certs)
}

/// Reads one file for all hosts, or from a folder `HOST.pem` for each.
fn client_certs(path: &Path) -> anyhow::Result<ClientCerts> {
    if !path.is_dir() {
        return Ok(ClientCerts { any: Some(read(path)?), ..ClientCerts::default() });
    }
    let mut certs = ClientCerts::default();
    let entries = path.read_dir().with_context(|| format!("cannot read {}", path.display()))?;
    for entry in entries {
        let file = entry.with_context(|| format!("cannot read {}", path.display()))?.path();
        let host = file.file_stem().and_then(|stem| stem.to_str()).map(str::to_ascii_lowercase);
        if let Some(host) = host
            && file.extension().is_some_and(|extension| extension == "pem")
        {
            certs.hosts.insert(host, read(&file)?);
        }
    }
    if certs.hosts.is_empty() {
        bail!("{} has no HOST.pem, name the files by their hosts", path.display());
    }
    Ok(certs)
}

fn read(path: &Path) -> anyhow::Result<Arc<CertifiedKey>> {
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    certified_key(&text).with_context(|| format!("cannot use {}", path.display()))
}

fn key_log(path: &Path) -> anyhow::Result<Arc<KeyLogFile>> {
    let file = open_key_log(path);
    let file = file.with_context(|| format!("cannot log keys to {}", path.display()))?;
    Ok(Arc::new(KeyLogFile::new(file)))
}

/// Opens a file for what nobody else may read.
fn open_key_log(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
