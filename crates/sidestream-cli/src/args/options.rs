//! Options that several commands take, each of which may also be set elsewhere.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{ArgAction, Args};
use sidestream::explicit::socks::{Credentials, ParseCredentialsError};
use sidestream::upstream;

use crate::rules;
use crate::settings::{Age, Bound, Count, Http, Layer, OwnCert, Size, Strategy, SystemProxy, Udp};

/// What every command takes.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Common {
    /// Read settings from this file.
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,

    /// Keep the root key in this folder.
    #[arg(long, value_name = "DIR", global = true)]
    pub confdir: Option<PathBuf>,

    /// Print headers (-v), and bodies made readable (-vv) or as they were sent (-vvv).
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub verbose: u8,

    /// Print no flows and no notices.
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// What becomes of flows.
#[derive(Clone, Debug, Default, Args)]
pub struct Traffic {
    /// Decrypt nothing but hosts that match: regular expressions on `host:port` (repeatable).
    #[arg(long, value_name = "REGEX", conflicts_with = "ignore_hosts")]
    pub allow_hosts: Vec<String>,

    /// Trust these roots (PEM) as well when connecting to servers (repeatable).
    #[arg(long, value_name = "FILE")]
    pub ca: Vec<PathBuf>,

    /// How TLS is spoken.
    #[command(flatten)]
    pub tls: Tls,

    /// Speak this version of HTTP with clients that offer it; translated for servers.
    #[arg(long, value_name = "VERSION", value_enum)]
    pub client_http: Option<Http>,

    /// Pass hosts that match without decrypting them: regular expressions on `host:port`
    /// (repeatable).
    #[arg(long, value_name = "REGEX")]
    pub ignore_hosts: Vec<String>,

    /// Connect to servers from this address of the machine.
    #[arg(long, value_name = "ADDRESS")]
    pub connect_addr: Option<IpAddr>,

    /// When servers are connected with: as the client connects, or when something is to be sent
    /// there.
    #[arg(long, value_name = "WHEN", value_enum)]
    pub connection_strategy: Option<Strategy>,

    /// Do not verify servers' certificates.
    #[arg(long)]
    pub insecure: bool,

    /// Write one JSON object a line to a file or /dev/fd/N.
    #[arg(long, value_name = "PATH")]
    pub json: Option<PathBuf>,

    /// Offer servers this version of HTTP alone; translated for clients.
    #[arg(long, value_name = "VERSION", value_enum)]
    pub server_http: Option<Http>,

    /// Let connections with servers that one client has left serve others (HTTP/1).
    #[arg(long)]
    pub share_upstream: bool,

    /// Record everything to a session file.
    #[arg(long, value_name = "FILE")]
    pub session: Option<PathBuf>,

    /// How much of the session is kept.
    #[command(flatten)]
    pub keep: KeepOptions,

    /// Decrypt TCP to hosts that match, and treat it as raw bytes (repeatable).
    #[arg(long, value_name = "REGEX")]
    pub tcp_hosts: Vec<String>,

    /// Treat UDP to hosts that match as raw datagrams (repeatable).
    #[arg(long, value_name = "REGEX")]
    pub udp_hosts: Vec<String>,

    /// Reach servers through this proxy: `http`, `https` or `socks5://[USER:PASSWORD@]HOST[:PORT]`.
    #[arg(long, value_name = "URL", value_parser = parse_upstream)]
    pub upstream: Option<upstream::Server>,

    /// Give that proxy these, and those of --mode upstream. Others of this machine see the command
    /// line, but neither SIDESTREAM_UPSTREAM_AUTH nor the configuration file.
    #[arg(long, value_name = "USER:PASSWORD", value_parser = parse_upstream_auth)]
    pub upstream_auth: Option<upstream::Credentials>,

    /// What becomes of datagrams that the proxy does not carry (dns: but DNS, they are refused).
    #[arg(long, value_name = "WHAT", value_enum)]
    pub upstream_udp: Option<Udp>,

    /// Record with the session what goes over the wire, to clients and to servers, and the keys of
    /// TLS: `export pcapng` makes a capture of it that Wireshark decrypts.
    #[arg(long)]
    pub wire: bool,

    /// Rules that change exchanges.
    #[command(flatten)]
    pub rules: RuleOptions,
}

/// Rules that change exchanges. The first character separates the parts; the filter may be left
/// out where there are three.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Rules that change exchanges")]
pub struct RuleOptions {
    /// Block requests that match, with that status; 444 hangs up (repeatable).
    #[arg(long, value_name = "|FILTER|STATUS", value_parser = rules::block)]
    pub block_list: Vec<String>,

    /// Answer URLs that match from a file or directory (repeatable).
    #[arg(long, value_name = "|FILTER|URL-REGEX|PATH", value_parser = rules::map_local)]
    pub map_local: Vec<String>,

    /// Send requests to another URL (repeatable).
    #[arg(long, value_name = "|FILTER|URL-REGEX|REPLACEMENT", value_parser = rules::map_remote)]
    pub map_remote: Vec<String>,

    /// Replace in bodies, or where the filter says ~websocket, in WebSocket messages (repeatable).
    #[arg(long, value_name = "|FILTER|REGEX|[@]REPLACEMENT", value_parser = rules::modify_body)]
    pub modify_body: Vec<String>,

    /// Set a header field, or with an empty value remove it (repeatable).
    #[arg(long, value_name = "|FILTER|NAME|[@]VALUE", value_parser = rules::modify_headers)]
    pub modify_headers: Vec<String>,
}

/// How TLS is spoken.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Options of TLS")]
pub struct Tls {
    /// Show clients, behind ours, the certificates that the server sent behind its own.
    #[arg(long)]
    pub add_upstream_certs_to_client_chain: bool,

    /// Show clients this certificate (PEM, with its key) for a domain, such as *.example.com, or
    /// for all (repeatable).
    #[arg(long, value_name = "[DOMAIN=]PATH")]
    pub certs: Vec<OwnCert>,

    /// Speak these cipher suites with clients (with colons).
    #[arg(long, value_name = "LIST")]
    pub ciphers_client: Option<String>,

    /// Offer servers these cipher suites, whatever the client offers (with colons).
    #[arg(long, value_name = "LIST")]
    pub ciphers_server: Option<String>,

    /// Give servers that ask for one this certificate (PEM, with its key), or HOST.pem of this
    /// folder.
    #[arg(long, value_name = "PATH")]
    pub client_certs: Option<PathBuf>,

    /// Ask clients for a certificate, which is recorded.
    #[arg(long)]
    pub request_client_cert: bool,

    /// Append the keys of both sides to this file, for Wireshark and others; SSLKEYLOGFILE names
    /// it as well.
    #[arg(long, value_name = "FILE")]
    pub ssl_key_log_file: Option<PathBuf>,

    /// Copy the names of the server's certificate; with =false, have only that which is asked for.
    #[arg(long, value_name = "BOOL", action = ArgAction::Set)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub upstream_cert: Option<bool>,

    /// Speak no higher version of TLS with clients.
    #[arg(long, value_name = "VERSION")]
    pub tls_version_client_max: Option<Bound>,

    /// Speak no lower version of TLS with clients: TLS1_2, TLS1_3.
    #[arg(long, value_name = "VERSION")]
    pub tls_version_client_min: Option<Bound>,

    /// Offer servers no higher version of TLS.
    #[arg(long, value_name = "VERSION")]
    pub tls_version_server_max: Option<Bound>,

    /// Offer servers no lower version of TLS.
    #[arg(long, value_name = "VERSION")]
    pub tls_version_server_min: Option<Bound>,
}

/// How processes of the whole machine are captured.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Options of --mode local")]
pub struct Local {
    /// Decrypt although this machine does not trust the root: the programs do.
    #[arg(long)]
    pub ca_trusted: bool,

    /// End the connections that chosen processes have already, so that they connect anew.
    #[arg(long)]
    pub reset_existing: bool,

    /// Read the spec from this file, and again on SIGHUP: commas or line ends between items.
    #[arg(long, value_name = "FILE")]
    pub spec_file: Option<PathBuf>,
}

/// How clients of mode `wireguard` find this machine.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Options of --mode wireguard")]
pub struct Wireguard {
    /// Have clients find this machine there, not at its own address.
    #[arg(long, value_name = "HOST[:PORT]")]
    pub wireguard_endpoint: Option<String>,
}

/// Who is told of mode `regular`.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Options of --mode regular")]
pub struct Regular {
    /// Make it the system's proxy while it runs: of the desktop, which is the default, of gnome or
    /// kde, and as variables of the next session's environment.
    #[arg(
        long,
        value_name = "WHERE",
        value_enum,
        value_delimiter = ',',
        hide_possible_values = true
    )]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "desktop")]
    pub set_system_proxy: Vec<SystemProxy>,
}

/// What the server of mode `reverse` is told.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Options of --mode reverse")]
pub struct Reverse {
    /// Leave Host as the client sent it; else it names the server.
    #[arg(long)]
    pub keep_host_header: bool,
}

/// Who may use modes `regular`, `reverse`, `upstream` and `socks5`.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Options of --mode regular, reverse, upstream and socks5")]
pub struct Socks5 {
    /// Serve only clients that give these, one of the users in a file of htpasswd (bcrypt, MD5 or
    /// SHA-1), or any. In mode reverse, of http and https. Others of this machine see the command line: the variable
    /// SIDESTREAM_PROXY_AUTH and the configuration file are not shown to them.
    #[arg(long, value_name = "USER:PASSWORD|@FILE|any", value_parser = parse_credentials)]
    pub proxy_auth: Option<Credentials>,
}

fn parse_upstream(text: &str) -> Result<upstream::Server, upstream::ParseServerError> {
    text.parse()
}

fn parse_upstream_auth(
    text: &str,
) -> Result<upstream::Credentials, upstream::ParseCredentialsError> {
    text.parse()
}

fn parse_credentials(text: &str) -> Result<Credentials, ParseCredentialsError> {
    text.parse()
}

/// What is shown of flows.
#[derive(Clone, Debug, Default, Args)]
pub struct Shown {
    /// Show protocol buffers by the `.proto` files in this folder, at which their imports begin.
    #[arg(long, value_name = "DIR")]
    pub proto_dir: Option<PathBuf>,

    /// Hide these header fields on the screen and in JSON (repeatable, or with commas).
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub redact: Vec<String>,

    /// Show authorization, cookies and other secrets on the screen.
    #[arg(long)]
    pub show_secrets: bool,
}

impl From<Common> for Layer {
    fn from(common: Common) -> Self {
        Self {
            confdir: common.confdir,
            quiet: flag(common.quiet),
            verbose: (common.verbose > 0).then_some(common.verbose),
            ..Self::default()
        }
    }
}

impl From<Traffic> for Layer {
    fn from(traffic: Traffic) -> Self {
        let Traffic { allow_hosts, ca, tls, client_http, ignore_hosts, rules, .. } = traffic;
        let Traffic { insecure, json, server_http, session, tcp_hosts, udp_hosts, .. } = traffic;
        let Traffic { connect_addr, upstream, upstream_auth, upstream_udp, .. } = traffic;
        let KeepOptions { keep_age, keep_exchanges, keep_size } = traffic.keep;
        let Traffic { connection_strategy, share_upstream, wire, .. } = traffic;
        Self {
            allow_hosts: list(allow_hosts),
            ca: list(ca),
            client_http,
            ignore_hosts: list(ignore_hosts),
            connect_addr,
            connection_strategy,
            insecure: flag(insecure),
            json,
            keep_age,
            keep_exchanges,
            keep_size,
            server_http,
            share_upstream: flag(share_upstream),
            session,
            tcp_hosts: list(tcp_hosts),
            udp_hosts: list(udp_hosts),
            upstream,
            upstream_auth,
            upstream_udp,
            wire: flag(wire),
            ..Self::from(tls).or(rules.into())
        }
    }
}

impl From<RuleOptions> for Layer {
    fn from(options: RuleOptions) -> Self {
        let RuleOptions { block_list, map_local, map_remote, modify_body, modify_headers } =
            options;
        Self {
            block_list: list(block_list),
            map_local: list(map_local),
            map_remote: list(map_remote),
            modify_body: list(modify_body),
            modify_headers: list(modify_headers),
            ..Self::default()
        }
    }
}

impl From<Tls> for Layer {
    fn from(tls: Tls) -> Self {
        let Tls { certs, client_certs, ciphers_client, ciphers_server, .. } = tls;
        Self {
            add_upstream_certs_to_client_chain: flag(tls.add_upstream_certs_to_client_chain),
            certs: list(certs),
            ciphers_client,
            ciphers_server,
            client_certs,
            request_client_cert: flag(tls.request_client_cert),
            ssl_key_log_file: tls.ssl_key_log_file,
            upstream_cert: tls.upstream_cert,
            tls_version_client_max: tls.tls_version_client_max,
            tls_version_client_min: tls.tls_version_client_min,
            tls_version_server_max: tls.tls_version_server_max,
            tls_version_server_min: tls.tls_version_server_min,
            ..Self::default()
        }
    }
}

impl From<Local> for Layer {
    fn from(local: Local) -> Self {
        let Local { ca_trusted, reset_existing, spec_file } = local;
        Self {
            ca_trusted: flag(ca_trusted),
            reset_existing: flag(reset_existing),
            spec_file,
            ..Self::default()
        }
    }
}

impl From<Wireguard> for Layer {
    fn from(wireguard: Wireguard) -> Self {
        let Wireguard { wireguard_endpoint } = wireguard;
        Self { wireguard_endpoint, ..Self::default() }
    }
}

impl From<Regular> for Layer {
    fn from(regular: Regular) -> Self {
        let Regular { set_system_proxy } = regular;
        Self { set_system_proxy: list(set_system_proxy), ..Self::default() }
    }
}

impl From<Reverse> for Layer {
    fn from(reverse: Reverse) -> Self {
        Self { keep_host_header: flag(reverse.keep_host_header), ..Self::default() }
    }
}

impl From<Socks5> for Layer {
    fn from(socks5: Socks5) -> Self {
        let Socks5 { proxy_auth } = socks5;
        Self { proxy_auth, ..Self::default() }
    }
}

impl From<Shown> for Layer {
    fn from(shown: Shown) -> Self {
        let Shown { proto_dir, redact, show_secrets } = shown;
        let (redact, show_secrets) = (list(redact), flag(show_secrets));
        Self { proto_dir, redact, show_secrets, ..Self::default() }
    }
}

/// A flag that is not given says nothing.
const fn flag(given: bool) -> Option<bool> {
    if given { Some(true) } else { None }
}

fn list<T>(given: Vec<T>) -> Option<Vec<T>> {
    (!given.is_empty()).then_some(given)
}

/// How much of a session is kept while it is recorded.
#[derive(Clone, Debug, Default, Args)]
pub struct KeepOptions {
    /// Take out of the session what happened longer ago, such as 12h or 7d.
    #[arg(long, value_name = "AGE")]
    pub keep_age: Option<Age>,

    /// Keep so many exchanges in the session, the newest.
    #[arg(long, value_name = "N")]
    pub keep_exchanges: Option<Count>,

    /// Take the oldest out of the session while it holds more, such as 500M or 10G.
    #[arg(long, value_name = "SIZE")]
    pub keep_size: Option<Size>,
}
