//! One file with our root added: PEM bundles and Java's key stores.

use std::collections::HashSet;

use p12_keystore::Pkcs12Archive;

use crate::{
    NoteKind, RootCertificate,
    jks::{self, Jks, USUAL_PASSWORD},
};

/// How a file holds its roots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// PEM blocks, one after the other.
    Pem,
    /// A Java key store, with the password that its readers give, when it is known.
    Java(Option<String>),
}

/// The new contents, and what there is to say about them.
pub(crate) type Composed = (Vec<u8>, Option<NoteKind>);

/// Adds the root to what a file holds.
pub(crate) fn compose(
    contents: &[u8],
    format: &Format,
    root: &RootCertificate,
) -> Result<Composed, NoteKind> {
    match format {
        Format::Pem => pem(contents, root).map(|contents| (contents, None)),
        Format::Java(password) if jks::is_jks(contents) => {
            let store = Jks::parse(contents).map_err(malformed)?;
            let password = password.as_deref().unwrap_or(USUAL_PASSWORD);
            let note = (!store.opens_with(password)).then_some(NoteKind::ForeignPassword);
            Ok((store.with(root.der(), password), note))
        }
        Format::Java(password) => {
            pkcs12(contents, password.as_deref().unwrap_or(USUAL_PASSWORD), root)
        }
    }
}

/// Tells whether a Java key store trusts a certificate.
pub(crate) fn java_holds(contents: &[u8], password: &str, der: &[u8]) -> Result<bool, NoteKind> {
    if jks::is_jks(contents) {
        return Ok(Jks::parse(contents).map_err(malformed)?.holds(der));
    }
    let (archive, _) = open_pkcs12(contents, password)?;
    Ok(archive.certs.iter().any(|bag| bag.trusted && bag.cert.as_der() == der))
}

/// Takes a certificate out of a Java key store; nothing if it opens with another password.
pub(crate) fn java_without(
    contents: &[u8],
    password: &str,
    der: &[u8],
) -> Result<Option<Vec<u8>>, NoteKind> {
    if jks::is_jks(contents) {
        let store = Jks::parse(contents).map_err(malformed)?;
        if !store.opens_with(password) {
            return Ok(None);
        }
        return store.without(der, password).map(Some).map_err(malformed);
    }
    let (archive, note) = open_pkcs12(contents, password)?;
    if note.is_some() {
        return Ok(None);
    }
    let (certificates, _) = trusted(&archive, der)?;
    let certificates = certificates.iter().map(|(alias, der)| (alias.clone(), &der[..]));
    Ok(Some(jks::write(certificates, password)))
}

fn malformed(reason: impl Into<String>) -> NoteKind {
    NoteKind::Malformed { reason: reason.into() }
}

fn pem(contents: &[u8], root: &RootCertificate) -> Result<Vec<u8>, NoteKind> {
    let is_text = contents.is_empty() || contains(contents, b"-----BEGIN ");
    if !is_text || contents.contains(&0) {
        return Err(malformed("it holds no certificate in PEM"));
    }
    let mut composed = contents.to_vec();
    if !contains(contents, root.pem().trim_end().as_bytes()) {
        if !contents.is_empty() && !contents.ends_with(b"\n") {
            composed.push(b'\n');
        }
        composed.extend_from_slice(root.pem().as_bytes());
    }
    Ok(composed)
}

pub(crate) fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// Reads a PKCS#12 store and writes its trusted certificates as JKS, which every JDK takes in its place: since 8, both
/// types are read by one store that looks at the first bytes.
fn pkcs12(contents: &[u8], password: &str, root: &RootCertificate) -> Result<Composed, NoteKind> {
    let (archive, note) = open_pkcs12(contents, password)?;
    let (mut certificates, aliases) = trusted(&archive, root.der())?;
    let alias = jks::free_alias(|alias| aliases.contains(alias));
    certificates.push((alias, root.der().to_vec()));
    let certificates = certificates.iter().map(|(alias, der)| (alias.clone(), &der[..]));
    Ok((jks::write(certificates, password), note))
}

fn open_pkcs12(
    contents: &[u8],
    password: &str,
) -> Result<(Pkcs12Archive, Option<NoteKind>), NoteKind> {
    match Pkcs12Archive::from_pkcs12(contents, password) {
        Ok(archive) => Ok((archive, None)),
        Err(usual) => match Pkcs12Archive::from_pkcs12(contents, "") {
            Ok(archive) => Ok((archive, Some(NoteKind::ForeignPassword))),
            Err(_) => Err(malformed(format!("the key store cannot be opened ({usual})"))),
        },
    }
}

/// Certificates by their aliases, and the aliases.
type Trusted = (Vec<(String, Vec<u8>)>, HashSet<String>);

/// Lists what a store trusts, except one certificate.
fn trusted(archive: &Pkcs12Archive, except: &[u8]) -> Result<Trusted, NoteKind> {
    if !archive.keys.is_empty() || !archive.secrets.is_empty() {
        return Err(malformed("the key store holds keys, not only certificates"));
    }
    let mut aliases = HashSet::new();
    let trusted = archive.certs.iter().filter(|bag| bag.trusted && bag.cert.as_der() != except);
    let certificates = trusted
        .enumerate()
        .map(|(n, bag)| {
            // Java's text is not quite UTF-8; outside ASCII a number does.
            let name =
                bag.friendly_name.as_deref().filter(|name| name.is_ascii() && name.len() < 256);
            let alias = name.map_or_else(|| format!("certificate-{n}"), str::to_ascii_lowercase);
            let alias = if aliases.contains(&alias) { format!("{alias}-{n}") } else { alias };
            aliases.insert(alias.clone());
            (alias, bag.cert.as_der().to_vec())
        })
        .collect();
    Ok((certificates, aliases))
}
