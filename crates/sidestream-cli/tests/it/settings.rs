//! Where settings come from, and which holds.

use std::ffi::OsString;
use std::fs;

use insta::assert_snapshot;
use sidestream::record::TlsVersion;
use sidestream_cli::print::Detail;
use sidestream_cli::settings::{
    self, Bound, Http, Layer, OwnCert, Settings, Strategy, SystemProxy, Udp,
};

fn env<'a>(vars: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<OsString> + 'a {
    move |name| vars.iter().find(|(var, _)| *var == name).map(|(_, value)| value.into())
}

#[test]
fn the_environment_says_what_options_say() {
    let vars = [
        ("SIDESTREAM_ADD_UPSTREAM_CERTS_TO_CLIENT_CHAIN", "yes"),
        ("SIDESTREAM_BLOCK_LIST", "/~q/404\n\n/a, b/444\n"),
        ("SIDESTREAM_CA", "a.pem:b.pem"),
        ("SIDESTREAM_CA_TRUSTED", "yes"),
        ("SIDESTREAM_CERTS", "a.pem, *.B.test=b.pem"),
        ("SIDESTREAM_CIPHERS_CLIENT", "A:B"),
        ("SIDESTREAM_CIPHERS_SERVER", "C"),
        ("SIDESTREAM_CLIENT_CERTS", "certs"),
        ("SIDESTREAM_CLIENT_HTTP", "2"),
        ("SIDESTREAM_CONFDIR", "/conf"),
        ("SIDESTREAM_CONNECT_ADDR", "192.0.2.1"),
        ("SIDESTREAM_CONNECTION_STRATEGY", "lazy"),
        ("SIDESTREAM_INSECURE", "1"),
        ("SIDESTREAM_JSON", "out.json"),
        ("SIDESTREAM_MAP_LOCAL", "|a|b"),
        ("SIDESTREAM_MAP_REMOTE", "|c|d"),
        ("SIDESTREAM_MODIFY_BODY", "/e/f"),
        ("SIDESTREAM_MODIFY_HEADERS", "/g/h"),
        ("SIDESTREAM_KEEP_HOST_HEADER", "1"),
        ("SIDESTREAM_PROTO_DIR", "protos"),
        ("SIDESTREAM_PROXY_AUTH", "me:secret"),
        ("SIDESTREAM_QUIET", "no"),
        ("SIDESTREAM_REDACT", "x-a, x-b,"),
        ("SIDESTREAM_REQUEST_CLIENT_CERT", "1"),
        ("SIDESTREAM_RESET_EXISTING", "0"),
        ("SIDESTREAM_SERVER_HTTP", "mirror"),
        ("SIDESTREAM_SESSION", ""),
        ("SIDESTREAM_KEEP_AGE", "7d"),
        ("SIDESTREAM_KEEP_EXCHANGES", "500"),
        ("SIDESTREAM_KEEP_SIZE", "10G"),
        ("SIDESTREAM_IGNORE_HOSTS", r"a\.test:443 ^192\.0\.2\."),
        ("SIDESTREAM_SET_SYSTEM_PROXY", "gnome, environment"),
        ("SIDESTREAM_SHARE_UPSTREAM", "1"),
        ("SIDESTREAM_SHOW_SECRETS", "true"),
        ("SIDESTREAM_SPEC_FILE", "spec"),
        ("SSLKEYLOGFILE", "keys"),
        ("SIDESTREAM_TLS_VERSION_CLIENT_MAX", "TLS1_2"),
        ("SIDESTREAM_TLS_VERSION_CLIENT_MIN", "1.2"),
        ("SIDESTREAM_TLS_VERSION_SERVER_MAX", "tls1_3"),
        ("SIDESTREAM_TLS_VERSION_SERVER_MIN", "TLSv1.3"),
        ("SIDESTREAM_UPSTREAM", "socks5://proxy.test"),
        ("SIDESTREAM_UPSTREAM_AUTH", "me:secret"),
        ("SIDESTREAM_UPSTREAM_CERT", "no"),
        ("SIDESTREAM_UPSTREAM_UDP", "refuse"),
        ("SIDESTREAM_VERBOSE", "2"),
        ("SIDESTREAM_WIREGUARD_ENDPOINT", "vpn.test:9"),
        ("SIDESTREAM_WIRE", "1"),
    ];
    let layer = settings::from_env(&env(&vars)).unwrap();
    let expected = Layer {
        add_upstream_certs_to_client_chain: Some(true),
        allow_hosts: None,
        block_list: Some(vec!["/~q/404".into(), "/a, b/444".into()]),
        ca: Some(vec!["a.pem".into(), "b.pem".into()]),
        ca_trusted: Some(true),
        certs: Some(vec![own("*", "a.pem"), own("*.b.test", "b.pem")]),
        ciphers_client: Some("A:B".into()),
        ciphers_server: Some("C".into()),
        client_certs: Some("certs".into()),
        client_http: Some(Http::Http2),
        confdir: Some("/conf".into()),
        ignore_hosts: Some(vec![r"a\.test:443".into(), r"^192\.0\.2\.".into()]),
        insecure: Some(true),
        json: Some("out.json".into()),
        map_local: Some(vec!["|a|b".into()]),
        map_remote: Some(vec!["|c|d".into()]),
        modify_body: Some(vec!["/e/f".into()]),
        modify_headers: Some(vec!["/g/h".into()]),
        connect_addr: Some([192, 0, 2, 1].into()),
        connection_strategy: Some(Strategy::Lazy),
        keep_host_header: Some(true),
        proto_dir: Some("protos".into()),
        proxy_auth: Some("me:secret".parse().unwrap()),
        quiet: Some(false),
        redact: Some(vec!["x-a".into(), "x-b".into()]),
        request_client_cert: Some(true),
        reset_existing: Some(false),
        server_http: Some(Http::Mirror),
        session: None,
        set_system_proxy: Some(vec![SystemProxy::Gnome, SystemProxy::Environment]),
        share_upstream: Some(true),
        show_secrets: Some(true),
        spec_file: Some("spec".into()),
        tcp_hosts: None,
        udp_hosts: None,
        ssl_key_log_file: Some("keys".into()),
        tls_version_client_max: Some(Bound(TlsVersion::Tls12)),
        tls_version_client_min: Some(Bound(TlsVersion::Tls12)),
        tls_version_server_max: Some(Bound(TlsVersion::Tls13)),
        tls_version_server_min: Some(Bound(TlsVersion::Tls13)),
        upstream: Some("socks5://proxy.test:1080".parse().unwrap()),
        upstream_auth: Some("me:secret".parse().unwrap()),
        upstream_cert: Some(false),
        upstream_udp: Some(Udp::Refuse),
        verbose: Some(2),
        keep_age: Some("7d".parse().unwrap()),
        keep_exchanges: Some("500".parse().unwrap()),
        keep_size: Some("10g".parse().unwrap()),
        wire: Some(true),
        wireguard_endpoint: Some("vpn.test:9".into()),
    };
    assert_eq!(layer, expected);
}

fn own(domain: &str, path: &str) -> OwnCert {
    OwnCert { domain: domain.into(), path: path.into() }
}

#[track_caller]
fn check_env_error(name: &str, value: &str, expected: &str) {
    let error = settings::from_env(&env(&[(name, value)])).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_variable_without_sense_is_named() {
    check_env_error(
        "SIDESTREAM_PROXY_AUTH",
        "hush",
        "SIDESTREAM_PROXY_AUTH is \"[redacted]\", use USER:PASSWORD, each of 1 to 255 bytes, @FILE or any",
    );
    check_env_error("SIDESTREAM_INSECURE", "maybe", "SIDESTREAM_INSECURE is \"maybe\", use 1 or 0");
    check_env_error(
        "SIDESTREAM_SERVER_HTTP",
        "3",
        "SIDESTREAM_SERVER_HTTP is \"3\", use mirror, 1 or 2",
    );
    check_env_error(
        "SIDESTREAM_TLS_VERSION_SERVER_MIN",
        "TLS1_1",
        "SIDESTREAM_TLS_VERSION_SERVER_MIN is \"TLS1_1\", use TLS1_2 or TLS1_3",
    );
    check_env_error(
        "SIDESTREAM_CONNECTION_STRATEGY",
        "late",
        "SIDESTREAM_CONNECTION_STRATEGY is \"late\", use eager or lazy",
    );
    check_env_error("SIDESTREAM_VERBOSE", "3", "SIDESTREAM_VERBOSE is \"3\", use 0, 1 or 2");
}

#[test]
fn a_file_says_what_options_say_and_its_paths_begin_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(
        &path,
        "verbose = 1\nca = ['lab.pem']\nca-trusted = true\nclient-http = 1\nserver-http = '2'\n\
         spec-file = 'spec'\nshow-secrets = true\ncerts = ['a.test=a.pem']\n\
         client-certs = 'me.pem'\nssl-key-log-file = 'keys'\ntls-version-server-min = 'TLS1_3'\n",
    )
    .unwrap();
    let layer = settings::read(&path, true).unwrap();
    let expected = Layer {
        ca: Some(vec![folder.path().join("lab.pem")]),
        ca_trusted: Some(true),
        certs: Some(vec![OwnCert { domain: "a.test".into(), path: folder.path().join("a.pem") }]),
        client_certs: Some(folder.path().join("me.pem")),
        ssl_key_log_file: Some(folder.path().join("keys")),
        tls_version_server_min: Some(Bound(TlsVersion::Tls13)),
        client_http: Some(Http::Http1),
        server_http: Some(Http::Http2),
        show_secrets: Some(true),
        spec_file: Some(folder.path().join("spec")),
        verbose: Some(1),
        ..Layer::default()
    };
    assert_eq!(layer, expected);
}

#[test]
fn a_file_that_is_not_there_says_nothing_unless_it_was_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    assert_eq!(settings::read(&path, false).unwrap(), Layer::default());
    assert!(settings::read(&path, true).is_err());
}

#[test]
fn an_unknown_key_is_an_error_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, "verbose = 1\ncolour = true\n").unwrap();
    let error = settings::read(&path, false).unwrap_err().to_string();
    let place = folder.path().display().to_string();
    assert_snapshot!(error.replace(&place, "[folder]"), @r"
    [folder]/config.toml: TOML parse error at line 2, column 1
      |
    2 | colour = true
      | ^^^^^^
    unknown field `colour`, expected one of `add-upstream-certs-to-client-chain`, `allow-hosts`, `block-list`, `ca`, `ca-trusted`, `certs`, `ciphers-client`, `ciphers-server`, `client-certs`, `client-http`, `confdir`, `ignore-hosts`, `connect-addr`, `connection-strategy`, `insecure`, `json`, `map-local`, `map-remote`, `modify-body`, `modify-headers`, `keep-host-header`, `proto-dir`, `proxy-auth`, `quiet`, `redact`, `request-client-cert`, `reset-existing`, `server-http`, `keep-age`, `keep-exchanges`, `keep-size`, `session`, `set-system-proxy`, `share-upstream`, `show-secrets`, `spec-file`, `tcp-hosts`, `udp-hosts`, `ssl-key-log-file`, `tls-version-client-max`, `tls-version-client-min`, `tls-version-server-max`, `tls-version-server-min`, `upstream`, `upstream-auth`, `upstream-cert`, `upstream-udp`, `verbose`, `wire`, `wireguard-endpoint`
    ");
}

#[test]
fn the_first_place_that_says_something_holds() {
    let line = Layer { verbose: Some(1), ..Layer::default() };
    let environment = Layer { verbose: Some(2), insecure: Some(false), ..Layer::default() };
    let file = Layer { insecure: Some(true), json: Some("a".into()), ..Layer::default() };
    let settings = Settings::from(line.or(environment).or(file));
    let expected =
        Settings { detail: Detail::Heads, json: Some("a".into()), ..Settings::default() };
    assert_eq!(settings, expected);
}

#[test]
fn quiet_is_stronger_than_verbose() {
    let layer = Layer { quiet: Some(true), verbose: Some(2), ..Layer::default() };
    assert_eq!(Settings::from(layer).detail, Detail::Quiet);
}
