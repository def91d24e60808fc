#![doc = include_str!("../README.md")]

mod certs;
mod clock;
mod crl_url;
mod flow;
mod hooks;
mod key_log;
mod leaves;
mod names;
mod options;
mod passing;
mod pool;
mod proxy;
mod refusals;
mod shown;
mod side;
mod splice;
mod stop;
mod tcp;
mod tickets;
mod tls;
mod udp;
mod verifier;

pub use sidestream_proto::hooks::{
    Asked, ConnectFate, Hello, HelloFate, Interest, MessageQuestion, MessageVerdict, MessageWant,
    Question, Verdict, Want,
};
pub use sidestream_proto::tls::{ClientCerts, Versions, read_certificate};
pub use sidestream_proto::{
    Connections, HostPatterns, HostRules, HostsError, HttpChoice, HttpVersions, ProxyAuth, Reverse,
    Speaks,
};

pub use certs::{CertificateError, OwnCerts, certified_key};
pub use crl_url::CrlUrl;
pub use hooks::{Hook, RuleHook, RulesError};
pub use key_log::KeyLogFile;
pub use options::{Copied, ParseCiphersError, SideOptions, TlsOptions, parse_ciphers};
pub use passing::Passing;
pub use proxy::{Proxy, ServeError, Served};
pub use stop::{Stop, Stopper};
pub use tls::{TlsError, UpstreamTrust, config, own_client};
