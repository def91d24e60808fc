//! The variables in which runtimes look for roots: which are set by the user, and which have to be added.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use crate::{Note, NoteKind, tree::Tree};

/// A variable that names a file or directories of roots.
struct Variable {
    name: &'static str,
    reading: Reading,
    /// Variables that the same programs ask as well: when the user set one, theirs is enough.
    beside: &'static [&'static str],
}

/// What a runtime does with what a variable names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// Trusts it beside its own roots, which it carries inside: it needs the variable.
    Beside,
    /// Trusts it instead of its own roots, which it carries inside: it needs the variable.
    Instead,
    /// Trusts it instead of the system's roots: only what the user set matters.
    System,
}

const fn variable(
    name: &'static str,
    reading: Reading,
    beside: &'static [&'static str],
) -> Variable {
    Variable { name, reading, beside }
}

static VARIABLES: [Variable; 29] = [
    variable("AWS_CA_BUNDLE", Reading::Instead, &["REQUESTS_CA_BUNDLE"]),
    variable("BUNDLE_SSL_CA_CERT", Reading::System, &[]),
    variable("CARGO_HTTP_CAINFO", Reading::Instead, &["SSL_CERT_FILE"]),
    variable("CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", Reading::Instead, &[]),
    variable("COMPOSER_CAFILE", Reading::System, &[]),
    variable("CURL_CA_BUNDLE", Reading::System, &[]),
    variable("DENO_CERT", Reading::Beside, &[]),
    variable("GIT_SSL_CAINFO", Reading::System, &[]),
    variable("GIT_SSL_CAPATH", Reading::System, &[]),
    variable("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", Reading::Instead, &[]),
    variable("HEX_CACERTS_PATH", Reading::Instead, &[]),
    variable("HTTPLIB2_CA_CERTS", Reading::Instead, &[]),
    variable("HTTPS_CA_DIR", Reading::System, &[]),
    variable("HTTPS_CA_FILE", Reading::System, &[]),
    variable("JULIA_SSL_CA_ROOTS_PATH", Reading::System, &[]),
    variable("NIX_SSL_CERT_FILE", Reading::System, &[]),
    variable("NODE_EXTRA_CA_CERTS", Reading::Beside, &[]),
    variable("NPM_CONFIG_CAFILE", Reading::System, &[]),
    variable("PERL_LWP_SSL_CA_FILE", Reading::System, &[]),
    variable("PERL_LWP_SSL_CA_PATH", Reading::System, &[]),
    variable("PIP_CERT", Reading::Instead, &["CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"]),
    // The `requests` library asks `CURL_CA_BUNDLE` next.
    variable("REQUESTS_CA_BUNDLE", Reading::Instead, &["CURL_CA_BUNDLE"]),
    variable("SSL_CERT_DIR", Reading::System, &[]),
    // For httpx, uv and OpenSSL under a prefix of its own (conda, Homebrew); all others read the same bundle anyway.
    variable("SSL_CERT_FILE", Reading::Instead, &["SSL_CERT_DIR"]),
    variable("SYSTEM_CERTIFICATE_PATH", Reading::System, &[]),
    variable("VAULT_CACERT", Reading::System, &[]),
    variable("WEBSOCKET_CLIENT_CA_BUNDLE", Reading::System, &[]),
    variable("YARN_HTTPS_CA_FILE_PATH", Reading::System, &[]),
    variable("npm_config_cafile", Reading::System, &[]),
];

/// What the user's environment names, and what it lacks.
#[derive(Default)]
pub(crate) struct Environment {
    /// Real files that variables name.
    pub(crate) files: Vec<PathBuf>,
    /// Real directories that variables name, with the variable.
    pub(crate) directories: Vec<(PathBuf, &'static str)>,
    /// Variables that have to name the root's PEM.
    pub(crate) root_pem: Vec<&'static str>,
    /// Variables that have to name a bundle.
    pub(crate) bundle: Vec<&'static str>,
    /// Names that lead nowhere.
    pub(crate) notes: Vec<Note>,
}

/// Reads the user's environment; an empty variable counts as one that is not set.
pub(crate) fn read(
    tree: Tree<'_>,
    env: &dyn Fn(&str) -> Option<OsString>,
    current_dir: &Path,
) -> Environment {
    let mut found = Environment::default();
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    for variable in &VARIABLES {
        let is_covered = variable.beside.iter().any(|name| set(name).is_some());
        match (set(variable.name), variable.reading) {
            (Some(value), reading) => {
                let is_there = found.take(variable.name, &value, tree, current_dir);
                // A runtime with roots of its own goes on without the file; it has to find ours all the same.
                if !is_there && reading == Reading::Beside {
                    found.root_pem.push(variable.name);
                }
            }
            (None, Reading::Beside) => found.root_pem.push(variable.name),
            (None, Reading::Instead) if !is_covered => found.bundle.push(variable.name),
            (None, Reading::Instead | Reading::System) => {}
        }
    }
    found
}

impl Environment {
    /// Takes what a variable names: a path, or several with colons between them. Tells whether anything is there.
    fn take(
        &mut self,
        variable: &'static str,
        value: &OsStr,
        tree: Tree<'_>,
        current_dir: &Path,
    ) -> bool {
        let whole =
            tree.resolve(&current_dir.join(value)).map(|real| (PathBuf::from(value), Some(real)));
        let parts = match whole {
            Some(whole) => vec![whole],
            None => std::env::split_paths(value)
                .filter(|path| !path.as_os_str().is_empty())
                .map(|path| (path.clone(), tree.resolve(&current_dir.join(path))))
                .collect(),
        };
        let mut is_there = false;
        for (path, real) in parts {
            match real {
                Some(real) if tree.is_dir(&real) => self.directories.push((real, variable)),
                Some(real) => self.files.push(real),
                None => {
                    self.notes.push(Note { path, kind: NoteKind::Missing { variable } });
                    continue;
                }
            }
            is_there = true;
        }
        is_there
    }
}
