//! A request, and what no command can say of it.

use sidestream_record::{Field, Fields, RequestHead, Version};

/// A request to be put into other words.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The absolute URL.
    pub url: &'a str,
    /// The head, as it was sent.
    pub head: &'a RequestHead,
    /// The body, as it was sent, without transfer codings; `None` where it is not all there.
    pub body: Option<&'a [u8]>,
}

/// Why a request cannot be put into other words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// A part of it was not recorded, or is too long to be held.
    #[error("its body is not there as a whole; export it raw, which takes what there is")]
    Incomplete,
    /// A field has a name that no program sends.
    #[error("the name of its field {name:?} is none of HTTP; export it raw")]
    FieldName {
        /// The name.
        name: String,
    },
    /// It has no URL that a program could ask for.
    #[error("{method} asks for no URL of HTTP; export it raw")]
    NoUrl {
        /// The method.
        method: String,
    },
    /// The method is none that a program sends.
    #[error("the method {method:?} is none of HTTP; export it raw")]
    Method {
        /// The method.
        method: String,
    },
}

/// A request that can be put into words: its method and the names of its fields are tokens.
#[derive(Debug)]
pub(crate) struct Checked<'a> {
    pub(crate) method: &'a str,
    pub(crate) url: &'a str,
    pub(crate) version: Version,
    /// Without the pseudo-fields of HTTP/2.
    pub(crate) fields: Vec<(&'a str, &'a [u8])>,
    pub(crate) body: &'a [u8],
}

impl<'a> Request<'a> {
    pub(crate) fn check(self) -> Result<Checked<'a>, ExportError> {
        let Self { url, head, body } = self;
        let body = body.ok_or(ExportError::Incomplete)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let method = token(&head.method)
            .ok_or_else(|| ExportError::Method { method: text(&head.method) })?;
        if method == "CONNECT" || !(url.starts_with("http://") || url.starts_with("https://")) {
            return Err(ExportError::NoUrl { method: method.to_owned() });
        }
        let field = |field: &'a Field| {
            let name = token(&field.name)
                .ok_or_else(|| ExportError::FieldName { name: text(&field.name) })?;
            Ok((name, &field.value[..]))
        };
        let fields = plain(&head.fields).map(field).collect::<Result<_, ExportError>>()?;
        Ok(Checked { method, url, version: head.version, fields, body })
    }
}

impl<'a> Checked<'a> {
    /// Returns the host, with the port where the URL has one.
    pub(crate) fn authority(&self) -> &'a str {
        authority(self.url)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(it, _)| it.eq_ignore_ascii_case(name))
    }

    /// Iterates over the fields, those of one name as one in the place of the first, for programs
    /// that send no name twice (RFC 9110 §5.3; cookies are joined by semicolons, RFC 9113 §8.2.3).
    pub(crate) fn joined(&self) -> Vec<(&'a str, Vec<u8>)> {
        let mut out: Vec<(&str, Vec<u8>)> = Vec::new();
        for (name, value) in &self.fields {
            match out.iter_mut().find(|(it, _)| it.eq_ignore_ascii_case(name)) {
                Some((name, all)) => {
                    let gap: &[u8] =
                        if name.eq_ignore_ascii_case("cookie") { b"; " } else { b", " };
                    all.extend_from_slice(gap);
                    all.extend_from_slice(value);
                }
                None => out.push((*name, value.to_vec())),
            }
        }
        out
    }
}

/// Returns the host of a URL, with the port where it has one, and no user.
pub(crate) fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    rest[..end].rsplit('@').next().unwrap_or_default()
}

/// Returns what of a URL stands in a request line.
pub(crate) fn path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let start = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    rest[start..].split('#').next().unwrap_or_default()
}

/// Iterates over the fields that are none of HTTP/2's own.
pub(crate) fn plain(fields: &Fields) -> impl Iterator<Item = &Field> {
    fields.iter().filter(|field| !field.name.starts_with(b":"))
}

/// Returns a token of HTTP (RFC 9110 §5.6.2).
fn token(bytes: &[u8]) -> Option<&str> {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let whole = !bytes.is_empty() && bytes.iter().all(is_token);
    std::str::from_utf8(bytes).ok().filter(|_| whole)
}
