//! What is answered to a request.

use bytes::Bytes;
use sha2::{Digest, Sha256};
use sidestream_ca::{Authority, ExportError};

use crate::download::{self, Download};
use crate::page;
use crate::platform::Platform;

/// The page from which a device takes the root, and the root itself in every form. It knows the
/// certificate alone: the private key is not in it.
pub struct Site {
    pub(crate) name: String,
    pub(crate) fingerprint: String,
    pub(crate) downloads: Vec<Download>,
}

/// The root could not be written in every form.
#[derive(Debug, thiserror::Error)]
#[error("the root cannot be offered for download")]
pub struct SiteError(#[from] ExportError);

/// What a visitor asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// The path; a query after it makes no difference.
    pub path: &'a str,
    /// What the field `User-Agent` says.
    pub user_agent: Option<&'a str>,
    /// What the field `Accept` says.
    pub accept: Option<&'a str>,
}

/// An answer, ready to be sent: its length is among its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The fields, their names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The content; none for HEAD.
    pub body: Bytes,
}

impl Site {
    /// Makes the site of a root.
    ///
    /// # Errors
    ///
    /// The root cannot be written in one of the forms.
    pub fn new(authority: &Authority) -> Result<Self, SiteError> {
        let digest: [u8; 32] = Sha256::digest(authority.certificate_der()).into();
        let octets: Vec<_> = digest.iter().map(|octet| format!("{octet:02X}")).collect();
        Ok(Self {
            name: authority.name().to_owned(),
            fingerprint: octets.join(":"),
            downloads: download::all(authority, &digest)?,
        })
    }

    /// Returns the SHA-256 fingerprint of the root, worded as browsers and `openssl` do.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Answers a request.
    pub fn answer(&self, request: &Request<'_>) -> Response {
        let Request { method, path, user_agent, accept } = *request;
        let mut response = if matches!(method, "GET" | "HEAD") {
            let path = path.split('?').next().unwrap_or_default();
            // A program that does not ask for HTML is one in a terminal.
            let is_browser = accept.is_some_and(|accept| accept.contains("text/html"));
            let own = user_agent.and_then(Platform::of);
            match self.downloads.iter().find(|download| download.is_at(path)) {
                Some(download) => file(download),
                None if path == "/" && is_browser => Response::html(200, page::html(self, own)),
                None if path == "/" => Response::text(200, page::text(self)),
                None if is_browser => Response::html(404, page::NOT_FOUND.to_owned()),
                None => Response::text(404, "there is nothing here, see /\n".to_owned()),
            }
        } else {
            let mut refused = Response::text(405, "only to be read: use GET or HEAD\n".to_owned());
            refused.headers.push(("allow", "GET, HEAD".to_owned()));
            refused
        };
        response.seal(method);
        response
    }
}

fn file(download: &Download) -> Response {
    let mut response = Response::new(200, download.media_type, download.bytes.clone());
    let disposition = format!("attachment; filename=\"{}\"", download.file_name());
    response.headers.push(("content-disposition", disposition));
    response
}

impl Response {
    fn new(status: u16, media_type: &str, body: Bytes) -> Self {
        Self { status, headers: vec![("content-type", media_type.to_owned())], body }
    }

    fn text(status: u16, text: String) -> Self {
        Self::new(status, "text/plain; charset=utf-8", text.into())
    }

    fn html(status: u16, html: String) -> Self {
        let mut response = Self::new(status, "text/html; charset=utf-8", html.into());
        let policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        response.headers.push(("content-security-policy", policy.to_owned()));
        response
    }

    /// Adds what every answer has, and takes from one to HEAD what it has not.
    fn seal(&mut self, method: &str) {
        self.headers.push(("content-length", self.body.len().to_string()));
        // Tomorrow there may be another root behind the same name.
        self.headers.push(("cache-control", "no-store".to_owned()));
        self.headers.push(("x-content-type-options", "nosniff".to_owned()));
        self.headers.push(("referrer-policy", "no-referrer".to_owned()));
        if method == "HEAD" {
            self.body = Bytes::new();
        }
    }
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, fingerprint, .. } = self;
        f.debug_struct("Site")
            .field("name", name)
            .field("fingerprint", fingerprint)
            .finish_non_exhaustive()
    }
}
