//! The key store that every Java since 1.2 reads: parsed, and written with one certificate more.
//!
//! The format is that of `sun.security.provider.JavaKeyStore`: a magic, a version, counted entries, and a SHA-1 over
//! the password and all before it. Private keys and chains are carried along untouched.

use std::collections::HashSet;

use sha1::{Digest as _, Sha1};

const MAGIC: [u8; 4] = [0xfe, 0xed, 0xfe, 0xed];
const VERSION: u32 = 2;
const DIGEST_BYTES: usize = 20;
const HEADER_BYTES: usize = 12;
const KEY: u32 = 1;
const TRUSTED: u32 = 2;

/// The password of every `cacerts` that nobody changed.
pub(crate) const USUAL_PASSWORD: &str = "changeit";

/// A key store whose structure was checked from end to end.
pub(crate) struct Jks<'a> {
    store: &'a [u8],
    count: u32,
    aliases: HashSet<&'a [u8]>,
    certificates: HashSet<&'a [u8]>,
}

/// Why a key store cannot be read, in lower case.
pub(crate) type Reason = &'static str;

/// Tells whether the bytes begin as a key store does.
pub(crate) fn is_jks(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

impl<'a> Jks<'a> {
    /// Checks a key store's structure; its digest is checked by [`opens_with`](Self::opens_with).
    pub(crate) fn parse(store: &'a [u8]) -> Result<Self, Reason> {
        let end = store.len().checked_sub(DIGEST_BYTES).ok_or("the key store is cut short")?;
        let mut reader = Reader(&store[..end]);
        if reader.take(4)? != MAGIC {
            return Err("it is no key store");
        }
        if reader.u32()? != VERSION {
            return Err("the key store has a version that is not known");
        }
        let count = reader.u32()?;
        let (mut aliases, mut certificates) = (HashSet::new(), HashSet::new());
        for _ in 0..count {
            let (alias, trusted) = reader.entry()?;
            aliases.insert(alias);
            certificates.extend(trusted);
        }
        if !reader.0.is_empty() {
            return Err("the key store has bytes after its last entry");
        }
        Ok(Self { store, count, aliases, certificates })
    }

    /// Tells whether it trusts a certificate.
    pub(crate) fn holds(&self, certificate: &[u8]) -> bool {
        self.certificates.contains(certificate)
    }

    /// Writes the store without a trusted certificate, sealed with `password`.
    pub(crate) fn without(&self, certificate: &[u8], password: &str) -> Result<Vec<u8>, Reason> {
        let end = self.store.len() - DIGEST_BYTES;
        let mut reader = Reader(&self.store[HEADER_BYTES..end]);
        let mut body = self.store[..HEADER_BYTES].to_vec();
        let mut kept = 0u32;
        for _ in 0..self.count {
            let entry = reader.0;
            let (_, trusted) = reader.entry()?;
            if trusted != Some(certificate) {
                kept += 1;
                body.extend_from_slice(&entry[..entry.len() - reader.0.len()]);
            }
        }
        body[8..HEADER_BYTES].copy_from_slice(&kept.to_be_bytes());
        Ok(seal(body, password))
    }

    /// Tells whether the digest is one over this password.
    pub(crate) fn opens_with(&self, password: &str) -> bool {
        let (body, sum) = self.store.split_at(self.store.len() - DIGEST_BYTES);
        digest(body, password) == sum
    }

    /// Writes the store with one trusted certificate more, unless it has it, sealed with `password`.
    pub(crate) fn with(&self, certificate: &[u8], password: &str) -> Vec<u8> {
        let mut body = self.store[..self.store.len() - DIGEST_BYTES].to_vec();
        if !self.certificates.contains(certificate) {
            body[8..HEADER_BYTES].copy_from_slice(&(self.count + 1).to_be_bytes());
            push_trusted(
                &mut body,
                &free_alias(|alias| self.aliases.contains(alias.as_bytes())),
                certificate,
            );
        }
        seal(body, password)
    }
}

/// Writes a store that holds these trusted certificates, each under its alias.
pub(crate) fn write<'c>(
    certificates: impl ExactSizeIterator<Item = (String, &'c [u8])>,
    password: &str,
) -> Vec<u8> {
    let count = u32::try_from(certificates.len())
        .expect("a key store is read before it is written, and bounded");
    let mut body = [MAGIC, VERSION.to_be_bytes(), count.to_be_bytes()].concat();
    for (alias, certificate) in certificates {
        push_trusted(&mut body, &alias, certificate);
    }
    seal(body, password)
}

/// An alias for our root that nobody has.
pub(crate) fn free_alias(is_taken: impl Fn(&str) -> bool) -> String {
    let numbered = (2u64..).map(|n| format!("sidestream-{n}"));
    let mut candidates = std::iter::once("sidestream".to_owned()).chain(numbered);
    candidates.find(|alias| !is_taken(alias)).expect("there are more numbers than aliases")
}

fn push_trusted(body: &mut Vec<u8>, alias: &str, certificate: &[u8]) {
    body.extend(TRUSTED.to_be_bytes());
    push_text(body, alias);
    body.extend([0; 8]); // made in 1970: no clock is asked
    push_text(body, "X.509");
    body.extend((certificate.len() as u32).to_be_bytes());
    body.extend_from_slice(certificate);
}

fn push_text(body: &mut Vec<u8>, text: &str) {
    body.extend((text.len() as u16).to_be_bytes());
    body.extend_from_slice(text.as_bytes());
}

fn seal(mut body: Vec<u8>, password: &str) -> Vec<u8> {
    let sum = digest(&body, password);
    body.extend(sum);
    body
}

fn digest(body: &[u8], password: &str) -> [u8; DIGEST_BYTES] {
    let password: Vec<u8> = password.encode_utf16().flat_map(u16::to_be_bytes).collect();
    Sha1::new()
        .chain_update(password)
        .chain_update("Mighty Aphrodite")
        .chain_update(body)
        .finalize()
        .into()
}

/// Big-endian fields, taken off the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len_bytes: usize) -> Result<&'a [u8], Reason> {
        let (taken, rest) =
            self.0.split_at_checked(len_bytes).ok_or("the key store is cut short")?;
        self.0 = rest;
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32, Reason> {
        self.take(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
    }

    fn block(&mut self) -> Result<&'a [u8], Reason> {
        let len_bytes = self.u32()?;
        self.take(usize::try_from(len_bytes).unwrap_or(usize::MAX))
    }

    fn text(&mut self) -> Result<&'a [u8], Reason> {
        let len_bytes = self.take(2).map(|b| u16::from_be_bytes([b[0], b[1]]))?;
        self.take(usize::from(len_bytes))
    }

    /// Takes an entry: its alias, and its certificate if that is trusted.
    fn entry(&mut self) -> Result<(&'a [u8], Option<&'a [u8]>), Reason> {
        let tag = self.u32()?;
        let alias = self.text()?;
        self.take(8)?; // when it was made
        match tag {
            KEY => {
                self.block()?;
                for _ in 0..self.u32()? {
                    self.certificate()?;
                }
                Ok((alias, None))
            }
            TRUSTED => Ok((alias, Some(self.certificate()?))),
            _ => Err("the key store has an entry of a kind that is not known"),
        }
    }

    fn certificate(&mut self) -> Result<&'a [u8], Reason> {
        self.text()?; // its type
        self.block()
    }
}
