//! What the user set, from the command line, the environment, a file, and by default.

mod env;
mod file;
mod http;
mod keep;
mod merged;
mod strategy;
mod system_proxy;
mod tls;
mod udp;

use std::fmt::Display;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};
use sidestream::explicit::socks::Credentials;
use sidestream::upstream;

pub use env::{EnvError, from_env};
pub use file::{FileError, default_path, read};
pub use http::{Http, ParseHttpError};
pub use keep::{Age, Count, ParseKeepError, Size};
pub use merged::Settings;
pub use strategy::{ParseStrategyError, Strategy};
pub use system_proxy::{ParseSystemProxyError, SystemProxy};
pub use tls::{Bound, OwnCert, ParseBoundError, ParseOwnCertError, Tls};
pub use udp::{ParseUdpError, Udp};

/// What one of these places says; what it does not say is left to the next.
///
/// The names are those of the options, of the file's keys, and with `SIDESTREAM_` in front of
/// the variables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Layer {
    /// Whether clients are shown the certificates that the server sent behind its own.
    pub add_upstream_certs_to_client_chain: Option<bool>,
    /// Which hosts alone are decrypted.
    pub allow_hosts: Option<Vec<String>>,
    /// Rules that block requests.
    pub block_list: Option<Vec<String>>,
    /// Files with roots that servers are trusted by, beside the system's.
    pub ca: Option<Vec<PathBuf>>,
    /// Whether the user vouches for the root being trusted by the captured programs.
    pub ca_trusted: Option<bool>,
    /// Certificates that clients are shown, in place of ours.
    pub certs: Option<Vec<OwnCert>>,
    /// The cipher suites spoken with clients.
    pub ciphers_client: Option<String>,
    /// The cipher suites that servers are offered.
    pub ciphers_server: Option<String>,
    /// The certificate that servers are given, or a folder with one for each host.
    pub client_certs: Option<PathBuf>,
    /// Which version of HTTP clients are spoken to in.
    pub client_http: Option<Http>,
    /// The folder of the root key.
    pub confdir: Option<PathBuf>,
    /// Which hosts are passed without being decrypted.
    pub ignore_hosts: Option<Vec<String>>,
    /// The address that connections to servers leave from.
    pub connect_addr: Option<IpAddr>,
    /// When servers are connected with.
    #[serde(deserialize_with = "parsed")]
    pub connection_strategy: Option<Strategy>,
    /// Whether servers' certificates are not verified.
    pub insecure: Option<bool>,
    /// Where JSON lines go.
    pub json: Option<PathBuf>,
    /// Rules that answer from files.
    pub map_local: Option<Vec<String>>,
    /// Rules that send requests elsewhere.
    pub map_remote: Option<Vec<String>>,
    /// Rules that replace in bodies.
    pub modify_body: Option<Vec<String>>,
    /// Rules that set and remove header fields.
    pub modify_headers: Option<Vec<String>>,
    /// Whether the server of mode reverse gets the client's Host.
    pub keep_host_header: Option<bool>,
    /// The folder of the definitions of protocol buffers.
    pub proto_dir: Option<PathBuf>,
    /// The user and password that clients of mode socks5 have to give.
    #[serde(deserialize_with = "parsed")]
    pub proxy_auth: Option<Credentials>,
    /// Whether nothing is printed.
    pub quiet: Option<bool>,
    /// Header fields that are hidden everywhere.
    pub redact: Option<Vec<String>>,
    /// Whether clients are asked for a certificate.
    pub request_client_cert: Option<bool>,
    /// Whether connections that chosen processes have already are ended.
    pub reset_existing: Option<bool>,
    /// Which version of HTTP servers are spoken to in.
    pub server_http: Option<Http>,
    /// After what time something is taken out of the session.
    #[serde(deserialize_with = "parsed")]
    pub keep_age: Option<Age>,
    /// How many exchanges the session keeps.
    #[serde(deserialize_with = "keep::count")]
    pub keep_exchanges: Option<Count>,
    /// How much the session holds.
    #[serde(deserialize_with = "parsed")]
    pub keep_size: Option<Size>,
    /// Where the session is recorded.
    pub session: Option<PathBuf>,
    /// Who is told that mode regular is the system's proxy.
    #[serde(deserialize_with = "system_proxy::deserialize")]
    pub set_system_proxy: Option<Vec<SystemProxy>>,
    /// Whether connections with servers that one client has left serve others.
    pub share_upstream: Option<bool>,
    /// Whether secrets are shown on the screen.
    pub show_secrets: Option<bool>,
    /// The file that holds the spec of mode local.
    pub spec_file: Option<PathBuf>,
    /// Which hosts are treated as raw bytes over TCP.
    pub tcp_hosts: Option<Vec<String>>,
    /// Which hosts are treated as raw datagrams over UDP.
    pub udp_hosts: Option<Vec<String>>,
    /// Where keys are logged.
    pub ssl_key_log_file: Option<PathBuf>,
    /// The highest version of TLS that is spoken with clients.
    pub tls_version_client_max: Option<Bound>,
    /// The lowest version of TLS that is spoken with clients.
    pub tls_version_client_min: Option<Bound>,
    /// The highest version of TLS that servers are offered.
    pub tls_version_server_max: Option<Bound>,
    /// The lowest version of TLS that servers are offered.
    pub tls_version_server_min: Option<Bound>,
    /// The proxy through which servers are reached.
    #[serde(deserialize_with = "parsed")]
    pub upstream: Option<upstream::Server>,
    /// The user and password that it, and those of mode upstream, are given.
    #[serde(deserialize_with = "parsed")]
    pub upstream_auth: Option<upstream::Credentials>,
    /// Whether the certificate that clients are shown is like the server's.
    pub upstream_cert: Option<bool>,
    /// What becomes of datagrams that it does not carry.
    #[serde(deserialize_with = "parsed")]
    pub upstream_udp: Option<Udp>,
    /// How much is printed: 1 for headers, 2 for bodies.
    pub verbose: Option<u8>,
    /// Whether what goes over each leg is recorded as it is on the wire.
    pub wire: Option<bool>,
    /// Where clients of mode wireguard find this machine: `HOST[:PORT]`.
    pub wireguard_endpoint: Option<String>,
}

impl Layer {
    /// Fills in from another place what this one does not say.
    pub fn or(self, lower: Self) -> Self {
        Self {
            add_upstream_certs_to_client_chain: self
                .add_upstream_certs_to_client_chain
                .or(lower.add_upstream_certs_to_client_chain),
            allow_hosts: self.allow_hosts.or(lower.allow_hosts),
            block_list: self.block_list.or(lower.block_list),
            ca: self.ca.or(lower.ca),
            ca_trusted: self.ca_trusted.or(lower.ca_trusted),
            certs: self.certs.or(lower.certs),
            ciphers_client: self.ciphers_client.or(lower.ciphers_client),
            ciphers_server: self.ciphers_server.or(lower.ciphers_server),
            client_certs: self.client_certs.or(lower.client_certs),
            client_http: self.client_http.or(lower.client_http),
            confdir: self.confdir.or(lower.confdir),
            ignore_hosts: self.ignore_hosts.or(lower.ignore_hosts),
            insecure: self.insecure.or(lower.insecure),
            json: self.json.or(lower.json),
            map_local: self.map_local.or(lower.map_local),
            map_remote: self.map_remote.or(lower.map_remote),
            modify_body: self.modify_body.or(lower.modify_body),
            modify_headers: self.modify_headers.or(lower.modify_headers),
            connect_addr: self.connect_addr.or(lower.connect_addr),
            connection_strategy: self.connection_strategy.or(lower.connection_strategy),
            keep_host_header: self.keep_host_header.or(lower.keep_host_header),
            proto_dir: self.proto_dir.or(lower.proto_dir),
            proxy_auth: self.proxy_auth.or(lower.proxy_auth),
            quiet: self.quiet.or(lower.quiet),
            redact: self.redact.or(lower.redact),
            request_client_cert: self.request_client_cert.or(lower.request_client_cert),
            reset_existing: self.reset_existing.or(lower.reset_existing),
            server_http: self.server_http.or(lower.server_http),
            keep_age: self.keep_age.or(lower.keep_age),
            keep_exchanges: self.keep_exchanges.or(lower.keep_exchanges),
            keep_size: self.keep_size.or(lower.keep_size),
            session: self.session.or(lower.session),
            set_system_proxy: self.set_system_proxy.or(lower.set_system_proxy),
            share_upstream: self.share_upstream.or(lower.share_upstream),
            show_secrets: self.show_secrets.or(lower.show_secrets),
            spec_file: self.spec_file.or(lower.spec_file),
            tcp_hosts: self.tcp_hosts.or(lower.tcp_hosts),
            udp_hosts: self.udp_hosts.or(lower.udp_hosts),
            ssl_key_log_file: self.ssl_key_log_file.or(lower.ssl_key_log_file),
            tls_version_client_max: self.tls_version_client_max.or(lower.tls_version_client_max),
            tls_version_client_min: self.tls_version_client_min.or(lower.tls_version_client_min),
            tls_version_server_max: self.tls_version_server_max.or(lower.tls_version_server_max),
            tls_version_server_min: self.tls_version_server_min.or(lower.tls_version_server_min),
            upstream: self.upstream.or(lower.upstream),
            upstream_auth: self.upstream_auth.or(lower.upstream_auth),
            upstream_cert: self.upstream_cert.or(lower.upstream_cert),
            upstream_udp: self.upstream_udp.or(lower.upstream_udp),
            verbose: self.verbose.or(lower.verbose),
            wire: self.wire.or(lower.wire),
            wireguard_endpoint: self.wireguard_endpoint.or(lower.wireguard_endpoint),
        }
    }
}

/// Reads what a text says.
fn parsed<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let text = String::deserialize(from)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}
