//! Settings in the environment.

use std::ffi::{OsStr, OsString};
use std::net::IpAddr;
use std::str::FromStr;

use sidestream::explicit::socks::Credentials;

use super::{Bound, Http, Layer, OwnCert, Strategy, SystemProxy, Udp};

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
    let lines = |name| var(name).map(|(_, value)| rules(&value.to_string_lossy()));
    let text = |name| var(name).map(|(_, value)| value.to_string_lossy().into_owned());
    let bound = |name| var(name).map(|(name, value)| tls_version(name, value)).transpose();
    // Under this name other programs know it as well.
    let key_log = || env("SSLKEYLOGFILE").filter(|value| !value.is_empty()).map(Into::into);
    let paths = var("CA").map(|(_, value)| std::env::split_paths(&value).collect());
    let patterns = |name| var(name).map(|(_, value)| words(&value.to_string_lossy()));
    Ok(Layer {
        add_upstream_certs_to_client_chain: yes_or_no("ADD_UPSTREAM_CERTS_TO_CLIENT_CHAIN")?,
        allow_hosts: patterns("ALLOW_HOSTS"),
        block_list: lines("BLOCK_LIST"),
        ca: paths,
        ca_trusted: yes_or_no("CA_TRUSTED")?,
        certs: var("CERTS").map(|(name, value)| own_certs(name, value)).transpose()?,
        ciphers_client: text("CIPHERS_CLIENT"),
        ciphers_server: text("CIPHERS_SERVER"),
        client_certs: path("CLIENT_CERTS"),
        client_http: http("CLIENT_HTTP")?,
        confdir: path("CONFDIR"),
        ignore_hosts: patterns("IGNORE_HOSTS"),
        insecure: yes_or_no("INSECURE")?,
        json: path("JSON"),
        map_local: lines("MAP_LOCAL"),
        map_remote: lines("MAP_REMOTE"),
        modify_body: lines("MODIFY_BODY"),
        modify_headers: lines("MODIFY_HEADERS"),
        connection_strategy: var("CONNECTION_STRATEGY")
            .map(|(name, value)| strategy(name, value))
            .transpose()?,
        connect_addr: var("CONNECT_ADDR").map(|(name, value)| addr(name, value)).transpose()?,
        keep_host_header: yes_or_no("KEEP_HOST_HEADER")?,
        proto_dir: path("PROTO_DIR"),
        proxy_auth: var("PROXY_AUTH").map(|(name, value)| credentials(name, &value)).transpose()?,
        quiet: yes_or_no("QUIET")?,
        redact: var("REDACT").map(|(_, value)| names(&value.to_string_lossy())),
        request_client_cert: yes_or_no("REQUEST_CLIENT_CERT")?,
        reset_existing: yes_or_no("RESET_EXISTING")?,
        server_http: http("SERVER_HTTP")?,
        keep_age: var("KEEP_AGE").map(|(name, value)| keep(name, value, AGE)).transpose()?,
        keep_exchanges: var("KEEP_EXCHANGES")
            .map(|(name, value)| keep(name, value, EXCHANGES))
            .transpose()?,
        keep_size: var("KEEP_SIZE").map(|(name, value)| keep(name, value, SIZE)).transpose()?,
        session: path("SESSION"),
        set_system_proxy: var("SET_SYSTEM_PROXY")
            .map(|(name, value)| system_proxy(name, value))
            .transpose()?,
        share_upstream: yes_or_no("SHARE_UPSTREAM")?,
        show_secrets: yes_or_no("SHOW_SECRETS")?,
        spec_file: path("SPEC_FILE"),
        tcp_hosts: patterns("TCP_HOSTS"),
        udp_hosts: patterns("UDP_HOSTS"),
        ssl_key_log_file: path("SSL_KEY_LOG_FILE").or_else(key_log),
        tls_version_client_max: bound("TLS_VERSION_CLIENT_MAX")?,
        tls_version_client_min: bound("TLS_VERSION_CLIENT_MIN")?,
        tls_version_server_max: bound("TLS_VERSION_SERVER_MAX")?,
        tls_version_server_min: bound("TLS_VERSION_SERVER_MIN")?,
        upstream: var("UPSTREAM")
            .map(|(name, value)| secret(name, &value, "use a URL as http://proxy.example:3128"))
            .transpose()?,
        upstream_auth: var("UPSTREAM_AUTH")
            .map(|(name, value)| secret(name, &value, "use USER:PASSWORD"))
            .transpose()?,
        upstream_cert: yes_or_no("UPSTREAM_CERT")?,
        upstream_udp: var("UPSTREAM_UDP").map(|(name, value)| udp(name, value)).transpose()?,
        verbose: var("VERBOSE").map(|(name, value)| number(name, value)).transpose()?,
        wire: yes_or_no("WIRE")?,
        wireguard_endpoint: var("WIREGUARD_ENDPOINT")
            .map(|(_, value)| value.to_string_lossy().into_owned()),
    })
}

/// Rules have no line breaks, and all else.
fn rules(list: &str) -> Vec<String> {
    list.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
}

fn names(list: &str) -> Vec<String> {
    list.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

fn words(list: &str) -> Vec<String> {
    list.split_whitespace().map(str::to_owned).collect()
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

fn tls_version(name: String, value: OsString) -> Result<Bound, EnvError> {
    let parsed = value.to_str().and_then(|text| text.parse().ok());
    parsed.ok_or(EnvError { name, value, expected: "use TLS1_2 or TLS1_3" })
}

/// Reads a list with commas.
fn own_certs(name: String, value: OsString) -> Result<Vec<OwnCert>, EnvError> {
    let words = value.to_str().map(|text| text.split(',').map(str::trim));
    let parsed = words.and_then(|words| words.map(|word| word.parse().ok()).collect());
    parsed.ok_or(EnvError { name, value, expected: "use [DOMAIN=]PATH, with commas" })
}

fn system_proxy(name: String, value: OsString) -> Result<Vec<SystemProxy>, EnvError> {
    let parsed = value.to_str().and_then(|text| SystemProxy::list(text).ok());
    let expected = "use desktop, gnome, kde, environment, with commas";
    parsed.ok_or(EnvError { name, value, expected })
}

fn credentials(name: String, value: &OsStr) -> Result<Credentials, EnvError> {
    secret(name, value, "use USER:PASSWORD, each of 1 to 255 bytes, @FILE or any")
}

/// What is wrong with it is told without it.
fn secret<T: FromStr>(name: String, value: &OsStr, expected: &'static str) -> Result<T, EnvError> {
    let parsed = value.to_str().and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| EnvError { name, value: "[redacted]".into(), expected })
}

fn addr(name: String, value: OsString) -> Result<IpAddr, EnvError> {
    let parsed = value.to_str().and_then(|text| text.parse().ok());
    parsed.ok_or(EnvError { name, value, expected: "use an IP address" })
}

fn strategy(name: String, value: OsString) -> Result<Strategy, EnvError> {
    let parsed = value.to_str().and_then(|text| text.parse().ok());
    parsed.ok_or(EnvError { name, value, expected: "use eager or lazy" })
}

const AGE: &str = "use a number of s, m, h or d, such as 12h or 7d";

const EXCHANGES: &str = "use a number from 1 on";

const SIZE: &str = "use a number of bytes, K, M, G or T, such as 500M or 10G";

fn keep<T: FromStr>(name: String, value: OsString, expected: &'static str) -> Result<T, EnvError> {
    let parsed = value.to_str().and_then(|text| text.parse().ok());
    parsed.ok_or(EnvError { name, value, expected })
}

fn udp(name: String, value: OsString) -> Result<Udp, EnvError> {
    let parsed = value.to_str().and_then(|text| text.parse().ok());
    parsed.ok_or(EnvError { name, value, expected: "use direct, dns or refuse" })
}

fn number(name: String, value: OsString) -> Result<u8, EnvError> {
    let parsed = value.to_str().and_then(|text| text.parse().ok()).filter(|number| *number <= 2);
    parsed.ok_or(EnvError { name, value, expected: "use 0, 1 or 2" })
}
