//! What a server is offered, and what a client is answered: each as the other side has it.

use std::sync::Arc;

use rustls::client::{
    ClientSessionStore, EchConfig, EchGreaseConfig, EchMode, Resumption, Tls12ClientSessionValue,
    Tls13ClientSessionValue,
};
use rustls::crypto::aws_lc_rs::{ALL_KX_GROUPS, default_provider, hpke, kx_group};
use rustls::crypto::hpke::Hpke as _;
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, NamedGroup, RootCertStore};
use sidestream_flow::Peer;
use sidestream_proto::Event;
use sidestream_proto::tls::hello::{ClientHello, HelloReader};
use sidestream_record::{HelloDifference, HelloPart, Tls, TlsVersion};

use crate::play::Ca;
use crate::tls::{Cast, Stage, give, take};

type Groups = Vec<&'static dyn SupportedKxGroup>;

fn provider(groups: Groups, suites: usize) -> Arc<CryptoProvider> {
    let mut provider = CryptoProvider { kx_groups: groups, ..default_provider() };
    // The order is not the one that the library prefers.
    provider.cipher_suites.reverse();
    provider.cipher_suites.truncate(suites);
    Arc::new(provider)
}

fn client(ca: &Ca, provider: Arc<CryptoProvider>) -> ClientConfig {
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .unwrap()
        .with_root_certificates(roots(ca))
        .with_no_client_auth()
}

fn roots(ca: &Ca) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(ca.root.clone()).unwrap();
    roots
}

fn cast(groups: Groups) -> Cast {
    let mut cast = Cast::new();
    cast.client = client(&cast.ours, provider(groups, usize::MAX));
    cast.config.upstream_tls.provider =
        Arc::new(CryptoProvider { kx_groups: ALL_KX_GROUPS.to_vec(), ..default_provider() });
    cast
}

/// Lets the client begin, and reads what it sent and what the server is sent.
fn hellos(stage: &mut Stage) -> (ClientHello, ClientHello) {
    let wire = take(&mut stage.client);
    stage.play.quiet_input(sidestream_proto::Input::Data(Peer::Client, wire.clone().into()));
    let sent = stage.play.take_sent(Peer::Server(0));
    let read = |wire: &[u8]| HelloReader::new().push(wire).unwrap().unwrap();
    let hellos = (read(&wire), read(&sent));
    assert_eq!(give(&mut stage.server, &sent), None);
    stage.settle();
    hellos
}

fn legs(stage: &Stage) -> Vec<&Tls> {
    let legs = stage.play.events().filter_map(|event| match event {
        Event::Secured(tls) => Some(&**tls),
        _ => None,
    });
    legs.collect()
}

fn parts(tls: &Tls) -> Vec<HelloPart> {
    let differences = tls.differences.as_ref().unwrap();
    differences.iter().map(|difference| difference.part).collect()
}

#[test]
fn ciphers_groups_and_key_shares_are_offered_in_the_clients_order() {
    let mut cast = cast(vec![kx_group::SECP384R1, kx_group::X25519]);
    cast.client = client(&cast.ours, provider(vec![kx_group::SECP384R1, kx_group::X25519], 8));
    let mut stage = cast.meet();
    let (client, sent) = hellos(&mut stage);
    assert_eq!(sent.ciphers, client.ciphers);
    assert_eq!(sent.groups, [24, 29]);
    assert_eq!(sent.key_share_groups, [24]);
    assert_eq!(sent.supported_versions, client.supported_versions);
    assert!(!stage.client.is_handshaking());
}

/// A client's memory of servers, in which each took a key of that group at last.
#[derive(Debug)]
struct Remembered(NamedGroup);

impl ClientSessionStore for Remembered {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        Some(self.0)
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, _: Tls13ClientSessionValue) {}

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        None
    }
}

#[test]
fn a_key_is_sent_of_the_group_of_which_the_client_sent_one_though_it_prefers_another() {
    let mut cast = cast(vec![kx_group::X25519, kx_group::SECP384R1]);
    cast.client.resumption = Resumption::store(Arc::new(Remembered(NamedGroup::secp384r1)));
    let mut stage = cast.meet();
    let (client, sent) = hellos(&mut stage);
    assert_eq!((&client.groups, &client.key_share_groups), (&vec![29, 24], &vec![24]));
    assert_eq!((sent.groups, sent.key_share_groups), (vec![29, 24], vec![24]));
    assert!(!stage.client.is_handshaking());
}

#[test]
fn a_post_quantum_group_is_offered_where_the_client_offers_it_and_nowhere_else() {
    let mut stage = cast(vec![kx_group::X25519MLKEM768, kx_group::X25519]).meet();
    let (client, sent) = hellos(&mut stage);
    assert_eq!((&sent.groups, &sent.key_share_groups), (&vec![4588, 29], &vec![4588, 29]));
    assert_eq!(sent.key_share_groups, client.key_share_groups);
    for leg in legs(&stage) {
        assert_eq!(leg.group.as_deref(), Some("X25519MLKEM768"));
    }
    let mut stage = cast(vec![kx_group::X25519]).meet();
    let (_, sent) = hellos(&mut stage);
    assert_eq!((sent.groups, sent.key_share_groups), (vec![29], vec![29]));
}

#[test]
fn a_client_that_speaks_one_version_has_the_server_offered_that_alone() {
    for version in rustls::ALL_VERSIONS {
        let mut cast = Cast::new();
        cast.client = cast.ours.client_config_of(std::slice::from_ref(version));
        let mut stage = cast.meet();
        let (client, sent) = hellos(&mut stage);
        let number = u16::from(version.version);
        assert_eq!(sent.supported_versions, [number]);
        assert_eq!(client.ciphers, sent.ciphers);
        assert!(!stage.client.is_handshaking());
    }
}

#[test]
fn the_servers_group_and_cipher_are_the_clients() {
    let mut cast = cast(vec![kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1]);
    let mut narrow = CryptoProvider { kx_groups: vec![kx_group::SECP384R1], ..default_provider() };
    narrow.cipher_suites.retain(|suite| u16::from(suite.suite()) == 0x1303);
    let (certificate, key) = cast.upstream.leaf("a.test");
    cast.server = rustls::ServerConfig::builder_with_provider(Arc::new(narrow))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let mut stage = cast.meet();
    stage.settle();
    let group = stage.client.negotiated_key_exchange_group().unwrap();
    assert_eq!(group.name(), NamedGroup::secp384r1);
    let suite = stage.client.negotiated_cipher_suite().unwrap().suite();
    assert_eq!(u16::from(suite), 0x1303);
    let told: Vec<_> = legs(&stage).iter().map(|leg| leg.cipher.clone()).collect();
    assert_eq!(told, ["TLS_CHACHA20_POLY1305_SHA256"; 2]);
}

#[test]
fn a_server_of_tls_1_2_is_answered_for_in_tls_1_2() {
    let mut cast = Cast::new();
    const TLS12: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS12];
    cast.server = cast.upstream.server_config_of("a.test", TLS12);
    let mut stage = cast.meet();
    stage.settle();
    assert_eq!(stage.client.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_2));
    assert_eq!(legs(&stage).iter().filter(|leg| leg.version == TlsVersion::Tls12).count(), 2);
}

#[test]
fn what_was_sent_is_told_with_its_fingerprint_and_what_differs() {
    let mut stage = cast(vec![kx_group::X25519]).meet();
    stage.settle();
    let legs = legs(&stage);
    let [server, client] = legs[..] else { panic!("{legs:?}") };
    assert_eq!((server.peer, client.peer), (Peer::Server(0), Peer::Client));
    // Both are this library's, which shuffles its extensions.
    assert_eq!(server.ja4, client.ja4);
    assert!(parts(server).iter().all(|part| *part == HelloPart::Extensions), "{server:?}");
    assert_eq!(client.differences, None);
}

#[test]
fn a_feigned_encrypted_hello_goes_no_further_and_is_told() {
    let mut cast = Cast::new();
    let suite = hpke::DH_KEM_X25519_HKDF_SHA256_AES_128;
    let (key, _) = suite.generate_key_pair().unwrap();
    cast.client = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_ech(EchMode::Grease(EchGreaseConfig::new(suite, key)))
        .unwrap()
        .with_root_certificates(roots(&cast.ours))
        .with_no_client_auth();
    let mut stage = cast.meet();
    let (client, sent) = hellos(&mut stage);
    assert!(client.ech && !sent.ech);
    assert!(!stage.client.is_handshaking(), "{:?}", stage.client_error);
    let server = legs(&stage)[0];
    let extensions = server.differences.as_ref().unwrap().iter();
    let mut withheld = extensions.flat_map(|HelloDifference { withheld, .. }| withheld);
    assert!(withheld.any(|name| name == "encrypted_client_hello"), "{server:?}");
}

#[test]
fn a_client_with_an_encrypted_hello_learns_that_the_server_has_none_and_may_come_again() {
    let mut cast = Cast::new();
    let suite = hpke::DH_KEM_X25519_HKDF_SHA256_AES_128;
    let (key, _) = suite.generate_key_pair().unwrap();
    let list = ech_configs(&key.0, "a.test");
    let config = EchConfig::new(list.into(), hpke::ALL_SUPPORTED_SUITES).unwrap();
    cast.client = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_ech(EchMode::Enable(config))
        .unwrap()
        .with_root_certificates(roots(&cast.ours))
        .with_no_client_auth();
    cast.sni = "hidden.test";
    let mut stage = cast.meet();
    stage.settle();
    // It verified the public name's certificate, and so it may believe what it was told.
    let error = stage.client_error.take().unwrap();
    assert!(matches!(
        error,
        rustls::Error::PeerIncompatible(
            rustls::PeerIncompatible::ServerRejectedEncryptedClientHello(None)
        )
    ));
    let transcript = stage.transcript();
    assert!(transcript.contains("its encrypted ClientHello cannot be read here"), "{transcript}");
}

/// Writes a list of one configuration (RFC 9849 §4).
fn ech_configs(key: &[u8], public_name: &str) -> Vec<u8> {
    let with_len = |bytes: &[u8]| {
        let len = u16::try_from(bytes.len()).unwrap().to_be_bytes();
        [&len, bytes].concat()
    };
    let mut contents = vec![7, 0, 0x20];
    contents.extend(with_len(key));
    contents.extend(with_len(&[0, 1, 0, 1]));
    contents.extend([0, u8::try_from(public_name.len()).unwrap()]);
    contents.extend(public_name.as_bytes());
    contents.extend([0, 0]);
    with_len(&[&[0xfe, 0x0d][..], &with_len(&contents)].concat())
}
