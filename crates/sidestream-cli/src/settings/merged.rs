//! What holds in the end.

use std::net::IpAddr;
use std::path::PathBuf;

use sidestream::explicit::socks::Credentials;
use sidestream::filter::Filter;
use sidestream::proxy::{Connections, HostPatterns, HttpVersions};
use sidestream::store::Retention;
use sidestream::upstream;
use sidestream::view::Schema;

use super::{Age, Count, Layer, Size, Strategy, SystemProxy, Tls};
use crate::print::Detail;
use crate::proto::{self, ProtoError};
use crate::redact::Redact;
use crate::rules::RuleTexts;

/// What holds in the end: each setting from the first place that says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Files with roots that servers are trusted by, beside the system's.
    pub ca: Vec<PathBuf>,
    /// Whether the user vouches for the root being trusted by the captured programs.
    pub ca_trusted: bool,
    /// The folder of the root key, if not the platform's.
    pub confdir: Option<PathBuf>,
    /// Which hosts are passed as they are, or treated as bytes.
    pub hosts: HostPatterns,
    /// The address that connections to servers leave from.
    pub connect_addr: Option<IpAddr>,
    /// When servers are connected with, and for how many clients.
    pub connections: Connections,
    /// What is shown; the command line alone says it.
    pub filter: Option<Filter>,
    /// Which version of HTTP each side speaks.
    pub http: HttpVersions,
    /// Whether servers' certificates are not verified.
    pub insecure: bool,
    /// Where JSON lines go.
    pub json: Option<PathBuf>,
    /// Whether the server of mode reverse gets the client's Host.
    pub keep_host_header: bool,
    /// How much is printed.
    pub detail: Detail,
    /// The folder of the definitions of protocol buffers.
    pub proto_dir: Option<PathBuf>,
    /// The user and password that clients of mode socks5 have to give.
    pub proxy_auth: Option<Credentials>,
    /// Header fields that are hidden everywhere.
    pub redact: Vec<String>,
    /// Whether connections that chosen processes have already are ended.
    pub reset_existing: bool,
    /// Rules that change exchanges.
    pub rules: RuleTexts,
    /// How much of the session is kept.
    pub retention: Retention,
    /// Where the session is recorded.
    pub session: Option<PathBuf>,
    /// Who is told that mode regular is the system's proxy.
    pub set_system_proxy: Vec<SystemProxy>,
    /// Whether secrets are shown on the screen.
    pub show_secrets: bool,
    /// The file that holds the spec of mode local.
    pub spec_file: Option<PathBuf>,
    /// How TLS is spoken.
    pub tls: Tls,
    /// The proxy through which servers are reached.
    pub upstream: Option<upstream::Server>,
    /// The user and password that it, and those of mode upstream, are given.
    pub upstream_auth: Option<upstream::Credentials>,
    /// What becomes of datagrams that it does not carry.
    pub upstream_udp: upstream::Datagrams,
    /// Whether what goes over each leg is recorded as it is on the wire.
    pub wire: bool,
    /// Where clients of mode wireguard find this machine, if not by its own address.
    pub wireguard_endpoint: Option<String>,
}

impl From<Layer> for Settings {
    fn from(layer: Layer) -> Self {
        let detail = match (layer.quiet, layer.verbose) {
            (Some(true), _) => Detail::Quiet,
            (_, None | Some(0)) => Detail::Lines,
            (_, Some(1)) => Detail::Heads,
            (_, Some(2)) => Detail::Bodies,
            (_, Some(_)) => Detail::Sent,
        };
        let http = HttpVersions {
            client: layer.client_http.unwrap_or_default().into(),
            server: layer.server_http.unwrap_or_default().into(),
        };
        let rules = RuleTexts {
            block_list: layer.block_list.unwrap_or_default(),
            map_local: layer.map_local.unwrap_or_default(),
            map_remote: layer.map_remote.unwrap_or_default(),
            modify_body: layer.modify_body.unwrap_or_default(),
            modify_headers: layer.modify_headers.unwrap_or_default(),
        };
        let tls = Tls {
            certs: layer.certs.unwrap_or_default(),
            add_upstream_certs_to_client_chain: layer
                .add_upstream_certs_to_client_chain
                .unwrap_or_default(),
            ciphers_client: layer.ciphers_client,
            ciphers_server: layer.ciphers_server,
            client_certs: layer.client_certs,
            request_client_cert: layer.request_client_cert.unwrap_or_default(),
            ssl_key_log_file: layer.ssl_key_log_file,
            ignores_upstream_cert: layer.upstream_cert == Some(false),
            versions_client: [layer.tls_version_client_min, layer.tls_version_client_max],
            versions_server: [layer.tls_version_server_min, layer.tls_version_server_max],
        };
        Self {
            ca: layer.ca.unwrap_or_default(),
            ca_trusted: layer.ca_trusted.unwrap_or_default(),
            confdir: layer.confdir,
            hosts: HostPatterns {
                ignore: layer.ignore_hosts.unwrap_or_default(),
                allow: layer.allow_hosts.unwrap_or_default(),
                tcp: layer.tcp_hosts.unwrap_or_default(),
                udp: layer.udp_hosts.unwrap_or_default(),
            },
            connect_addr: layer.connect_addr,
            connections: Connections {
                lazy: layer.connection_strategy == Some(Strategy::Lazy),
                shared: layer.share_upstream.unwrap_or_default(),
            },
            filter: None,
            http,
            insecure: layer.insecure.unwrap_or_default(),
            json: layer.json,
            keep_host_header: layer.keep_host_header.unwrap_or_default(),
            detail,
            proto_dir: layer.proto_dir,
            proxy_auth: layer.proxy_auth,
            redact: layer.redact.unwrap_or_default(),
            reset_existing: layer.reset_existing.unwrap_or_default(),
            rules,
            retention: Retention {
                age: layer.keep_age.map(|Age(age)| age),
                bytes: layer.keep_size.map(|Size(bytes)| bytes),
                exchanges: layer.keep_exchanges.map(|Count(most)| most.get()),
            },
            session: layer.session,
            set_system_proxy: layer.set_system_proxy.unwrap_or_default(),
            show_secrets: layer.show_secrets.unwrap_or_default(),
            spec_file: layer.spec_file,
            tls,
            upstream: layer.upstream,
            upstream_auth: layer.upstream_auth,
            upstream_udp: layer.upstream_udp.unwrap_or_default().into(),
            wire: layer.wire.unwrap_or_default(),
            wireguard_endpoint: layer.wireguard_endpoint,
        }
    }
}

impl Settings {
    /// Returns what the screen hides.
    pub fn screen_redact(&self) -> Redact {
        let named = Redact::names(&self.redact);
        if self.show_secrets { named } else { named.and_secrets() }
    }

    /// Returns the definitions of protocol buffers, where there are some.
    ///
    /// # Errors
    ///
    /// The folder cannot be read, or a file in it is broken.
    pub fn schema(&self) -> Result<Option<Schema>, ProtoError> {
        self.proto_dir.as_deref().map(proto::read).transpose()
    }

    /// Returns what JSON hides: what was named, and nothing else.
    pub fn json_redact(&self) -> Redact {
        Redact::names(&self.redact)
    }
}
