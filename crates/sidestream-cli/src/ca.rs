//! `ca`: shows and exports the root.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use anyhow::Context;
use sha2::{Digest, Sha256};
use sidestream::ca::{Authority, Pkcs12Contents};

use crate::args::{CaCommand, Export, Format};
use crate::exit::Exit;
use crate::root::Root;

/// Does what is asked with the root, which is made if there is none.
///
/// # Errors
///
/// The root cannot be had, or the output not written.
pub fn ca(command: &CaCommand, root: &Root) -> anyhow::Result<Exit> {
    match command {
        CaCommand::Show => show(root)?,
        CaCommand::Path => {
            let path = root.certificate_path.as_deref().unwrap_or_else(|| Path::new(""));
            writeln!(io::stdout(), "{}", path.display())?;
        }
        CaCommand::Export(export) => return export_root(export, &root.authority),
        // What is about stores is done where rights are given up.
        CaCommand::Install(_) | CaCommand::Uninstall(_) | CaCommand::Status(_) => (),
    }
    Ok(Exit::Success)
}

fn show(root: &Root) -> anyhow::Result<()> {
    let Root { authority, certificate_path } = root;
    let until = jiff::Timestamp::try_from(authority.not_after())?;
    let mut out = io::stdout().lock();
    writeln!(out, "name         {}", authority.name())?;
    writeln!(out, "valid until  {}", until.strftime("%Y-%m-%d"))?;
    writeln!(out, "SHA-256      {}", fingerprint(authority.certificate_der()))?;
    if let Some(path) = certificate_path {
        writeln!(out, "file         {}", path.display())?;
    }
    Ok(())
}

/// Words a certificate's fingerprint as browsers do.
fn fingerprint(der: &[u8]) -> String {
    let bytes = Sha256::digest(der);
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

fn export_root(export: &Export, authority: &Authority) -> anyhow::Result<Exit> {
    let contents = if export.with_key {
        Pkcs12Contents::CertificateAndKey
    } else {
        Pkcs12Contents::Certificate
    };
    let bytes = match (export.format, export.with_key) {
        (Format::Pem, false) => authority.certificate_pem().into_bytes(),
        (Format::Pem, true) => {
            format!("{}{}", authority.certificate_pem(), authority.key_pem()).into_bytes()
        }
        (Format::Der, false) => authority.certificate_der().to_vec(),
        (Format::Der, true) => {
            crate::say::say("der holds a certificate alone, use --format pem or p12 for the key");
            return Ok(Exit::Usage);
        }
        (Format::P12, _) => authority.to_pkcs12(&export.password, contents)?,
    };
    match &export.output {
        Some(path) => write_file(path, &bytes, export.with_key)
            .with_context(|| format!("cannot write {}", path.display()))?,
        None if export.format != Format::Pem && io::stdout().is_terminal() => {
            crate::say::say("this would not look well on a terminal, name a file: --output FILE");
            return Ok(Exit::Usage);
        }
        None => io::stdout().write_all(&bytes)?,
    }
    Ok(Exit::Success)
}

/// Writes a file; one with a key is its owner's alone, and never over another.
fn write_file(path: &Path, bytes: &[u8], secret: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true);
    if secret {
        options.create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    } else {
        options.create(true).truncate(true);
    }
    options.open(path)?.write_all(bytes)
}
