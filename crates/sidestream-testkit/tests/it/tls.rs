//! Origins over TLS and the authority behind them.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::{ClientConnection, ProtocolVersion, StreamOwned};
use sidestream_testkit::{Origin, Service, TestCa, Validity};

fn connect(ca: &TestCa, origin: &Origin, name: &str) -> StreamOwned<ClientConnection, TcpStream> {
    let mut config = ca.client_config();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = name.to_owned().try_into().unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    StreamOwned::new(connection, TcpStream::connect(origin.addr()).unwrap())
}

#[test]
fn serves_http_over_tls_to_who_trusts_the_authority() {
    let ca = TestCa::new();
    let mut config = ca.server_config(&["origin.test"]);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let origin = Origin::https(config, |_, wire| {
        let seen = format!("{:?} {:?}", wire.server_name(), wire.alpn().map(<[u8]>::len));
        wire.write_all(seen.as_bytes())?;
        wire.close()
    });
    let mut client = connect(&ca, &origin, "origin.test");
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "Some(\"origin.test\") Some(8)");
    assert_eq!(origin.received(), [b"GET / HTTP/1.1\r\n\r\n"]);
}

#[test]
fn speaks_just_the_versions_it_is_told() {
    let ca = TestCa::new();
    let leaf = ca.leaf(&["127.0.0.1"], Validity::Current);
    let config = leaf.server_config(&[&rustls::version::TLS12]);
    let origin = Origin::listen(
        "127.0.0.1:0".parse().unwrap(),
        Service::tcp(|wire| {
            assert_eq!(wire.tls_version(), Some(ProtocolVersion::TLSv1_2));
            wire.write_all(b"old")
        })
        .over_tls(config),
    );
    let mut answer = String::new();
    connect(&ca, &origin.unwrap(), "127.0.0.1").read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "old");
}

#[test]
fn cuts_without_close_notify_when_asked_to() {
    let ca = TestCa::new();
    let origin = Origin::https(ca.server_config(&["origin.test"]), |_, wire| wire.cut());
    let mut client = connect(&ca, &origin, "origin.test");
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let error = client.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn issues_leaves_that_are_refused() {
    let ca = TestCa::new();
    let check = |leaf_of: &TestCa, name: &str, validity: Validity, expected: &str| {
        let config = leaf_of.leaf(&[name], validity).server_config(rustls::DEFAULT_VERSIONS);
        let origin = Origin::https(config, |_, _| Ok(()));
        let error = connect(&ca, &origin, "origin.test").write_all(b"x").unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    };
    check(&ca, "origin.test", Validity::Expired, "expired");
    check(&ca, "origin.test", Validity::Future, "not valid yet");
    check(&ca, "other.test", Validity::Current, "not valid for name");
    check(&TestCa::new(), "origin.test", Validity::Current, "invalid peer certificate");
}

#[test]
fn writes_the_root_to_a_file_that_goes_with_it() {
    let ca = TestCa::new();
    let path = ca.pem_path().to_owned();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), ca.pem());
    drop(ca);
    assert!(!path.exists());
}
