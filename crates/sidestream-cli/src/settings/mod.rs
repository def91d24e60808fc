//! What the user set, from the command line, the environment, a file, and by default.

mod env;
mod file;
mod http;
mod merged;

use std::path::PathBuf;

use serde::Deserialize;

pub use env::{EnvError, from_env};
pub use file::{FileError, default_path, read};
pub use http::{Http, ParseHttpError};
pub use merged::Settings;

/// What one of these places says; what it does not say is left to the next.
///
/// The names are those of the options, of the file's keys, and with `SIDESTREAM_` in front of
/// the variables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Layer {
    /// Files with roots that servers are trusted by, beside the system's.
    pub ca: Option<Vec<PathBuf>>,
    /// Whether the user vouches for the root being trusted by the captured programs.
    pub ca_trusted: Option<bool>,
    /// Which version of HTTP clients are spoken to in.
    pub client_http: Option<Http>,
    /// The folder of the root key.
    pub confdir: Option<PathBuf>,
    /// Whether servers' certificates are not verified.
    pub insecure: Option<bool>,
    /// Where JSON lines go.
    pub json: Option<PathBuf>,
    /// Whether nothing is printed.
    pub quiet: Option<bool>,
    /// Header fields that are hidden everywhere.
    pub redact: Option<Vec<String>>,
    /// Whether connections that chosen processes have already are ended.
    pub reset_existing: Option<bool>,
    /// Which version of HTTP servers are spoken to in.
    pub server_http: Option<Http>,
    /// Where the session is recorded.
    pub session: Option<PathBuf>,
    /// Whether secrets are shown on the screen.
    pub show_secrets: Option<bool>,
    /// The file that holds the spec of mode local.
    pub spec_file: Option<PathBuf>,
    /// How much is printed: 1 for headers, 2 for bodies.
    pub verbose: Option<u8>,
}

impl Layer {
    /// Fills in from another place what this one does not say.
    pub fn or(self, lower: Self) -> Self {
        Self {
            ca: self.ca.or(lower.ca),
            ca_trusted: self.ca_trusted.or(lower.ca_trusted),
            client_http: self.client_http.or(lower.client_http),
            confdir: self.confdir.or(lower.confdir),
            insecure: self.insecure.or(lower.insecure),
            json: self.json.or(lower.json),
            quiet: self.quiet.or(lower.quiet),
            redact: self.redact.or(lower.redact),
            reset_existing: self.reset_existing.or(lower.reset_existing),
            server_http: self.server_http.or(lower.server_http),
            session: self.session.or(lower.session),
            show_secrets: self.show_secrets.or(lower.show_secrets),
            spec_file: self.spec_file.or(lower.spec_file),
            verbose: self.verbose.or(lower.verbose),
        }
    }
}
