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
    crl_path: Option<String>,
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
            crl_path: authority.signs_crls().then(|| format!("/{}", authority.crl_file_name())),
        })
    }

    /// Returns the SHA-256 fingerprint of the root, worded as browsers and `openssl` do.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Returns where the list of revoked certificates is; a root that may not sign one has none.
    pub fn crl_path(&self) -> Option<&str> {
        self.crl_path.as_deref()
    }

    /// Answers a request for the list of revoked certificates, given as
    /// [`Authority::crl`](sidestream_ca::Authority::crl) signed it; without one the client is to
    /// ask again.
    pub fn answer_crl(&self, method: &str, crl: Option<&[u8]>) -> Response {
        let is_read = matches!(method, "GET" | "HEAD");
        let mut response = match crl {
            _ if !is_read => Response::only_read(),
            Some(crl) => {
                let body = Bytes::copy_from_slice(crl);
                Response::new(200, "application/pkix-crl", body)
            }
            None => {
                Response::text(503, "no list of revoked certificates can be signed\n".to_owned())
            }
        };
        // The list tells itself how long it counts, and its path of which root it is.
        let keep = if response.status == 200 { "max-age=3600" } else { "no-store" };
        response.seal(method, keep);
        response
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
            Response::only_read()
        };
        // Tomorrow there may be another root behind the same name.
        response.seal(method, "no-store");
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

    fn only_read() -> Self {
        let mut refused = Self::text(405, "only to be read: use GET or HEAD\n".to_owned());
        refused.headers.push(("allow", "GET, HEAD".to_owned()));
        refused
    }

    fn html(status: u16, html: String) -> Self {
        let mut response = Self::new(status, "text/html; charset=utf-8", html.into());
        let policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        response.headers.push(("content-security-policy", policy.to_owned()));
        response
    }

    /// Adds what every answer has, and takes from one to HEAD what it has not.
    fn seal(&mut self, method: &str, keep: &str) {
        self.headers.push(("content-length", self.body.len().to_string()));
        self.headers.push(("cache-control", keep.to_owned()));
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
