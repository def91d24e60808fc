//! Leaves as clients see them.

use std::{io, sync::Arc, time::Duration};

use insta::assert_snapshot;
use proptest::prelude::*;
use rustls::{
    ClientConfig, ClientConnection, ConfigBuilder, RootCertStore, ServerConfig, ServerConnection,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier as _},
    pki_types::{ServerName, UnixTime},
    sign::SingleCertAndKey,
};
use sidestream_ca::{
    Authority, IssueError, LEAF_BACKDATE, LEAF_LIFETIME, Leaf, LeafRequest, MAX_NAMES, Name,
};
use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};

use crate::{authority, name, now, provider};

const DAY: Duration = Duration::from_secs(86_400);

fn verify(
    authority: &Authority,
    leaf: &Leaf,
    asked: &str,
    at: std::time::SystemTime,
) -> Result<(), rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate_der().clone()).unwrap();
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build().unwrap();
    let at = UnixTime::since_unix_epoch(at.duration_since(std::time::UNIX_EPOCH).unwrap());
    let asked = ServerName::try_from(asked.to_owned()).unwrap();
    verifier.verify_server_cert(&leaf.chain[0], &leaf.chain[1..], &asked, &[], at).map(drop)
}

fn describe(der: &[u8]) -> String {
    let (_, certificate) = X509Certificate::from_der(der).unwrap();
    let mut lines = vec![
        format!("subject: {}", certificate.subject()),
        format!("issuer: {}", certificate.issuer()),
        format!(
            "validity: {} to {}",
            certificate.validity().not_before,
            certificate.validity().not_after
        ),
    ];
    lines.extend(certificate.extensions().iter().map(|extension| {
        let critical = if extension.critical { " (critical)" } else { "" };
        let value = match format!("{:?}", extension.parsed_extension()) {
            identifier if identifier.contains("KeyIdentifier") => "(key identifier)".to_owned(),
            value => value,
        };
        format!("{}{critical}: {value}", extension.oid)
    }));
    lines.join("\n")
}

#[test]
fn a_root_may_issue_leaves_and_nothing_else() {
    assert_snapshot!(describe(authority().certificate_der()));
}

#[test]
fn a_leaf_is_a_server_and_lives_briefly() {
    let request = LeafRequest {
        names: vec![
            name("example.test"),
            name("*.example.test"),
            name("192.0.2.1"),
            name("2001:db8::1"),
        ],
        organization: Some("Example Org".to_owned()),
        ..LeafRequest::new(name("example.test"), now())
    };
    assert_snapshot!(describe(&authority().issue(&request).unwrap().chain[0]));
}

#[test]
fn a_leaf_verifies_for_its_names_and_no_other() {
    let authority = authority();
    let names =
        vec![name("example.test"), name("*.wild.test"), name("192.0.2.1"), name("2001:db8::1")];
    let leaf =
        authority.issue(&LeafRequest { names, ..LeafRequest::new(name("x.test"), now()) }).unwrap();
    for asked in ["example.test", "a.wild.test", "192.0.2.1", "2001:db8::1"] {
        verify(&authority, &leaf, asked, now()).unwrap();
    }
    for asked in ["other.test", "wild.test", "a.b.wild.test", "192.0.2.2"] {
        verify(&authority, &leaf, asked, now()).unwrap_err();
    }
}

#[test]
fn a_leaf_verifies_from_two_days_before_until_its_end() {
    let authority = authority();
    let leaf = authority.issue(&LeafRequest::new(name("example.test"), now() + 10 * DAY)).unwrap();
    let from = now() + 10 * DAY - LEAF_BACKDATE;
    for (at, valid) in [
        (from, true),
        (from - Duration::from_secs(1), false),
        (leaf.not_after, true),
        (leaf.not_after + Duration::from_secs(1), false),
    ] {
        assert_eq!(verify(&authority, &leaf, "example.test", at).is_ok(), valid, "{at:?}");
    }
    assert_eq!(
        leaf.not_after - Duration::from_secs(1).saturating_sub(Duration::from_secs(2)),
        leaf.not_after
    );
    assert_eq!(
        leaf.not_after.duration_since(from).unwrap() + Duration::from_secs(1),
        LEAF_LIFETIME
    );
}

#[test]
fn a_leaf_never_outlives_its_root() {
    let authority = authority();
    let late = authority.not_after() - DAY;
    let leaf = authority.issue(&LeafRequest::new(name("example.test"), late)).unwrap();
    assert_eq!(leaf.not_after, authority.not_after());
    let after = LeafRequest::new(name("example.test"), authority.not_after() + DAY);
    assert_eq!(authority.issue(&after).unwrap_err(), IssueError::Expired);
    let before = LeafRequest::new(name("example.test"), now() - 3 * DAY);
    assert_eq!(authority.issue(&before).unwrap_err(), IssueError::Expired);
}

#[test]
fn serial_numbers_differ_between_leaves_and_follow_from_the_request() {
    let authority = authority();
    let serial = |request: &LeafRequest| {
        let leaf = authority.issue(request).unwrap();
        let (_, certificate) = X509Certificate::from_der(&leaf.chain[0]).unwrap();
        certificate.raw_serial().to_vec()
    };
    let request = LeafRequest::new(name("example.test"), now());
    let later = LeafRequest { now: now() + Duration::from_nanos(1), ..request.clone() };
    let given = LeafRequest { serial: Some([0; 16]), ..request.clone() };
    assert_eq!(serial(&request), serial(&request));
    assert_ne!(serial(&request), serial(&later));
    assert_eq!(serial(&given), [[0x40].as_slice(), &[0; 15]].concat());
}

#[test]
fn too_many_names_or_none_are_refused() {
    let authority = authority();
    let request = |names| LeafRequest { names, ..LeafRequest::new(name("example.test"), now()) };
    assert_eq!(authority.issue(&request(vec![])).unwrap_err(), IssueError::NoName);
    let many: Vec<Name> = (0..=MAX_NAMES).map(|n| name(&format!("n{n}.test"))).collect();
    let refused = authority.issue(&request(many.clone())).unwrap_err();
    assert!(
        matches!(refused, IssueError::TooManyNames { count, .. } if count == MAX_NAMES + 1),
        "{refused}"
    );
    let leaf = authority.issue(&request(many[1..].to_vec())).unwrap();
    verify(&authority, &leaf, "n1.test", now()).unwrap();
}

#[test]
fn a_rustls_client_takes_the_leaf_in_a_handshake() {
    let now = std::time::SystemTime::now();
    let authority = Authority::generate("Test CA", now, &provider()).unwrap();
    let leaf = authority.issue(&LeafRequest::new(name("example.test"), now)).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate_der().clone()).unwrap();
    fn versions<S: rustls::ConfigSide>(
        builder: ConfigBuilder<S, rustls::WantsVersions>,
    ) -> ConfigBuilder<S, rustls::WantsVerifier> {
        builder.with_safe_default_protocol_versions().unwrap()
    }
    let client = versions(ClientConfig::builder_with_provider(provider()));
    let client = client.with_root_certificates(roots).with_no_client_auth();
    let server = versions(ServerConfig::builder_with_provider(provider())).with_no_client_auth();
    let server = server.with_cert_resolver(Arc::new(SingleCertAndKey::from(leaf.certified_key())));

    let mut client =
        ClientConnection::new(Arc::new(client), ServerName::try_from("example.test").unwrap())
            .unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        pass(&mut client, &mut server).unwrap();
    }
}

fn pass(client: &mut ClientConnection, server: &mut ServerConnection) -> io::Result<()> {
    let mut wire = Vec::new();
    client.write_tls(&mut wire)?;
    server.read_tls(&mut wire.as_slice())?;
    server.process_new_packets().map_err(io::Error::other)?;
    wire.clear();
    server.write_tls(&mut wire)?;
    client.read_tls(&mut wire.as_slice())?;
    client.process_new_packets().map_err(io::Error::other)?;
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_name_that_parses_gives_a_leaf_that_verifies(
        labels in prop::collection::vec("[a-zA-Z0-9_][a-zA-Z0-9_-]{0,20}", 1..6),
        common_name in prop::option::of(".{0,80}"),
        organization in prop::option::of("\\PC{0,80}"),
    ) {
        let host = format!("{}.test", labels.join("."));
        let request = LeafRequest {
            common_name, organization, ..LeafRequest::new(host.parse().unwrap(), now())
        };
        let authority = authority();
        let leaf = authority.issue(&request).unwrap();
        // webpki refuses names whose labels begin or end with a hyphen.
        if ServerName::try_from(host.clone()).is_ok() {
            prop_assert_eq!(verify(&authority, &leaf, &host, now()), Ok(()));
        }
    }

    #[test]
    fn any_text_is_a_name_or_an_error(text in ".{0,300}") {
        if let Ok(name) = text.parse::<Name>() {
            prop_assert_eq!(&name.to_string().parse::<Name>().unwrap(), &name);
            authority().issue(&LeafRequest::new(name, now())).unwrap();
        }
    }
}
