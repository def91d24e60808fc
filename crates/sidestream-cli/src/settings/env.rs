//! Settings in the environment.

use std::ffi::OsString;

use super::{Http, Layer};

/// A variable that says nothing sensible.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} is {value:?}, {expected}")]
pub struct EnvError {
    /// The variable.
    pub name: String,
    /// What it says.
    pub value: OsString,
    /// What it should say.
    pub expected: &'static str,
}

/// Reads the `SIDESTREAM_…` variables; an empty one counts as one that is not set.
///
/// # Errors
///
/// The first variable that says nothing sensible.
pub fn from_env(env: &dyn Fn(&str) -> Option<OsString>) -> Result<Layer, EnvError> {
    let var = |name: &str| {
        let name = format!("SIDESTREAM_{name}");
        env(&name).filter(|value| !value.is_empty()).map(|value| (name, value))
    };
    let path = |name| var(name).map(|(_, value)| value.into());
    let yes_or_no = |name| var(name).map(|(name, value)| boolean(name, value)).transpose();
    let http = |name| var(name).map(|(name, value)| version(name, value)).transpose();
    let paths = var("CA").map(|(_, value)| std::env::split_paths(&value).collect());
    Ok(Layer {
        ca: paths,
        ca_trusted: yes_or_no("CA_TRUSTED")?,
        client_http: http("CLIENT_HTTP")?,
        confdir: path("CONFDIR"),
        insecure: yes_or_no("INSECURE")?,
        json: path("JSON"),
        quiet: yes_or_no("QUIET")?,
        redact: var("REDACT").map(|(_, value)| names(&value.to_string_lossy())),
        reset_existing: yes_or_no("RESET_EXISTING")?,
        server_http: http("SERVER_HTTP")?,
        session: path("SESSION"),
        show_secrets: yes_or_no("SHOW_SECRETS")?,
        spec_file: path("SPEC_FILE"),
        verbose: var("VERBOSE").map(|(name, value)| number(name, value)).transpose()?,
    })
}

fn names(list: &str) -> Vec<String> {
    list.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

fn boolean(name: String, value: OsString) -> Result<bool, EnvError> {
    match value.to_str() {
        Some("1" | "true" | "yes") => Ok(true),
        Some("0" | "false" | "no") => Ok(false),
        _ => Err(EnvError { name, value, expected: "use 1 or 0" }),
    }
}

fn version(name: String, value: OsString) -> Result<Http, EnvError> {
    let parsed = value.to_str().and_then(|text| text.parse().ok());
    parsed.ok_or(EnvError { name, value, expected: "use mirror, 1 or 2" })
}

fn number(name: String, value: OsString) -> Result<u8, EnvError> {
    let parsed = value.to_str().and_then(|text| text.parse().ok()).filter(|number| *number <= 2);
    parsed.ok_or(EnvError { name, value, expected: "use 0, 1 or 2" })
}
