//! What holds in the end.

use std::path::PathBuf;

use sidestream::proxy::HttpVersions;

use super::Layer;
use crate::print::Detail;
use crate::redact::Redact;

/// What holds in the end: each setting from the first place that says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Files with roots that servers are trusted by, beside the system's.
    pub ca: Vec<PathBuf>,
    /// Whether the user vouches for the root being trusted by the captured programs.
    pub ca_trusted: bool,
    /// The folder of the root key, if not the platform's.
    pub confdir: Option<PathBuf>,
    /// Which version of HTTP each side speaks.
    pub http: HttpVersions,
    /// Whether servers' certificates are not verified.
    pub insecure: bool,
    /// Where JSON lines go.
    pub json: Option<PathBuf>,
    /// How much is printed.
    pub detail: Detail,
    /// Header fields that are hidden everywhere.
    pub redact: Vec<String>,
    /// Whether connections that chosen processes have already are ended.
    pub reset_existing: bool,
    /// Where the session is recorded.
    pub session: Option<PathBuf>,
    /// Whether secrets are shown on the screen.
    pub show_secrets: bool,
    /// The file that holds the spec of mode local.
    pub spec_file: Option<PathBuf>,
}

impl From<Layer> for Settings {
    fn from(layer: Layer) -> Self {
        let detail = match (layer.quiet, layer.verbose) {
            (Some(true), _) => Detail::Quiet,
            (_, None | Some(0)) => Detail::Lines,
            (_, Some(1)) => Detail::Heads,
            (_, Some(_)) => Detail::Bodies,
        };
        let http = HttpVersions {
            client: layer.client_http.unwrap_or_default().into(),
            server: layer.server_http.unwrap_or_default().into(),
        };
        Self {
            ca: layer.ca.unwrap_or_default(),
            ca_trusted: layer.ca_trusted.unwrap_or_default(),
            confdir: layer.confdir,
            http,
            insecure: layer.insecure.unwrap_or_default(),
            json: layer.json,
            detail,
            redact: layer.redact.unwrap_or_default(),
            reset_existing: layer.reset_existing.unwrap_or_default(),
            session: layer.session,
            show_secrets: layer.show_secrets.unwrap_or_default(),
            spec_file: layer.spec_file,
        }
    }
}

impl Settings {
    /// Returns what the screen hides.
    pub fn screen_redact(&self) -> Redact {
        let named = Redact::names(&self.redact);
        if self.show_secrets { named } else { named.and_secrets() }
    }

    /// Returns what JSON hides: what was named, and nothing else.
    pub fn json_redact(&self) -> Redact {
        Redact::names(&self.redact)
    }
}
