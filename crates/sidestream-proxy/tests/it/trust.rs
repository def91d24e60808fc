//! Whom the proxy trusts, and what a client sees of servers that it does not.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use sidestream_proxy::UpstreamTrust;
use sidestream_testkit::{Leaf, Origin, TestCa, Validity};

use crate::stage::Stage;

fn origin(config: rustls::ServerConfig) -> Origin {
    Origin::https(config, |_, wire| {
        wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")?;
        wire.close()
    })
}

/// Speaks TLS through the stage, and returns the answer's last two bytes or what went wrong.
async fn ask(stage: &Stage, config: ClientConfig) -> Result<String, String> {
    let addr = stage.addr;
    tokio::task::spawn_blocking(move || {
        let name = ServerName::try_from("a.test").unwrap();
        let tls = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut client = StreamOwned::new(tls, TcpStream::connect(addr).unwrap());
        client
            .write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
            .map_err(|error| error.to_string())?;
        let mut answer = String::new();
        client.read_to_string(&mut answer).map_err(|error| error.to_string())?;
        Ok(answer.split_off(answer.len() - 2))
    })
    .await
    .unwrap()
}

fn trusting(ca: &TestCa) -> UpstreamTrust {
    UpstreamTrust { roots: vec![ca.der().clone()], insecure: false }
}

#[tokio::test]
async fn a_server_of_an_additional_root_is_intercepted() {
    let ca = TestCa::new();
    let origin = origin(ca.server_config(&["a.test"]));
    let stage = Stage::new(origin.addr(), trusting(&ca)).await;
    assert_eq!(ask(&stage, stage.client_config()).await.as_deref(), Ok("ok"));
    let recording = stage.end().await;
    assert_eq!(recording.exchanges()[0].url, "https://a.test/");
    assert_eq!(recording.failure(), "");
}

#[tokio::test]
async fn a_self_signed_server_is_trusted_by_its_very_certificate_and_for_its_names_only() {
    for (name, trusted) in [("a.test", true), ("b.test", false)] {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
        // As `openssl req -x509` makes them.
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .unwrap();
        let origin = origin(config);
        let trust = UpstreamTrust { roots: vec![certificate.der().clone()], insecure: false };
        let stage = Stage::new(origin.addr(), trust).await;
        let seen = ask(&stage, stage.client_config()).await;
        stage.settled().await;
        let failure = stage.end().await.failure();
        assert_eq!(seen.is_ok(), trusted, "{failure}");
        assert_eq!(failure.contains("another name"), !trusted, "{failure}");
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_trusted_is_a_failure_that_says_why() {
    let ca = TestCa::new();
    let check = async |config, trust, expected: &str| {
        let origin = origin(config);
        let stage = Stage::new(origin.addr(), trust).await;
        let seen = ask(&stage, stage.client_config()).await;
        assert!(seen.as_ref().is_err_and(|error| error.contains("alert")), "{seen:?}");
        assert!(origin.requests().is_empty());
        stage.settled().await;
        let failure = stage.end().await.failure();
        assert!(failure.contains(expected), "{failure}");
    };
    let expired = ca.leaf(&["a.test"], Validity::Expired);
    let versions = rustls::DEFAULT_VERSIONS;
    check(expired.server_config(versions), trusting(&ca), "has expired").await;
    check(ca.server_config(&["b.test"]), trusting(&ca), "is for another name").await;
    let stranger = UpstreamTrust::default();
    check(ca.server_config(&["a.test"]), stranger.clone(), "whose certificate was not sent").await;
    let own = rcgen::generate_simple_self_signed(["a.test".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(own.signing_key.serialize_der().into());
    let own = Leaf { chain: vec![own.cert.der().clone()], key };
    check(own.server_config(versions), stranger, "it is self-signed").await;
    let names: Vec<_> = (0..10_000).map(|number| format!("host-{number}.a.test")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).chain(["a.test"]).collect();
    let Leaf { chain, key } = ca.leaf(&names, Validity::Current);
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).unwrap();
    let large = rustls::sign::CertifiedKey::new(chain, key);
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(large)));
    check(config, trusting(&ca), "more than the 64 KiB").await;
}

#[tokio::test]
async fn without_verification_any_server_is_intercepted() {
    let ca = TestCa::new();
    let origin = origin(ca.server_config(&["b.test"]));
    let trust = UpstreamTrust { insecure: true, ..UpstreamTrust::default() };
    let stage = Stage::new(origin.addr(), trust).await;
    assert_eq!(ask(&stage, stage.client_config()).await.as_deref(), Ok("ok"));
    stage.end().await;
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_root_is_told_apart() {
    let ca = TestCa::new();
    let origin = origin(ca.server_config(&["a.test"]));
    let stage = Stage::new(origin.addr(), trusting(&ca)).await;
    assert!(ask(&stage, ca.client_config()).await.is_err());
    stage.settled().await;
    let failure = stage.end().await.failure();
    assert!(failure.contains("does not trust our root"), "{failure}");
}
