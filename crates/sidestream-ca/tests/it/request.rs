//! Requests copied from servers' certificates, honest and hostile.

use insta::assert_debug_snapshot;
use proptest::prelude::*;
use rcgen::{CertificateParams, DnType, KeyPair, SanType};
use rustls_pki_types::CertificateDer;
use sidestream_ca::{
    LeafRequest, MAX_CERTIFICATE_BYTES, MAX_NAMES, Name, ParseServerCertificateError,
};

use crate::{authority, name, now};

fn server(names: &[&str], common_name: Option<&str>) -> CertificateDer<'static> {
    let mut params = CertificateParams::default();
    params.distinguished_name.remove(DnType::CommonName);
    if let Some(common_name) = common_name {
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.distinguished_name.push(DnType::OrganizationName, "Example Org");
    }
    params.subject_alt_names = names
        .iter()
        .map(|name| {
            name.parse()
                .map(SanType::IpAddress)
                .unwrap_or_else(|_| SanType::DnsName((*name).try_into().unwrap()))
        })
        .collect();
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().into()
}

#[track_caller]
fn check(names: &[&str], asked: Option<&str>, expected: &[&str]) {
    let asked = asked.map(name);
    let request = LeafRequest::like(&server(names, None), asked.as_ref(), now()).unwrap();
    assert_eq!(request.names.iter().map(Name::to_string).collect::<Vec<_>>(), expected);
}

#[test]
fn the_server_s_names_are_copied_in_order_once() {
    check(
        &["b.test", "a.test", "B.test.", "192.0.2.1", "2001:db8::1"],
        None,
        &["b.test", "a.test", "192.0.2.1", "2001:db8::1"],
    );
}

#[test]
fn what_the_client_asked_for_comes_first() {
    check(&["b.test", "a.test"], Some("a.test"), &["a.test", "b.test"]);
    check(&["b.test", "*.a.test"], Some("x.a.test"), &["*.a.test", "b.test"]);
    check(&["b.test"], Some("a.test"), &["a.test", "b.test"]);
    check(&["*.a.test"], Some("a.test"), &["a.test", "*.a.test"]);
    check(&[], Some("192.0.2.7"), &["192.0.2.7"]);
}

#[test]
fn what_is_no_name_is_left_out() {
    let long = "a".repeat(64);
    check(
        &[
            "",
            ".",
            "a..test",
            "*",
            "a.*.test",
            "with space.test",
            "nul\0.test",
            &long,
            "xn--bcher-kva.test",
            "_srv.test",
        ],
        None,
        &["xn--bcher-kva.test", "_srv.test"],
    );
}

#[test]
fn the_subject_is_copied_where_it_fits() {
    let request = LeafRequest::like(&server(&["a.test"], Some("A server")), None, now()).unwrap();
    assert_debug_snapshot!((request.common_name, request.organization), @r#"
    (
        Some(
            "A server",
        ),
        Some(
            "Example Org",
        ),
    )
    "#);
    let long = "x".repeat(65);
    let request = LeafRequest::like(&server(&["a.test"], Some(&long)), None, now()).unwrap();
    assert_eq!(request.common_name, None);
    authority().issue(&request).unwrap();
}

#[test]
fn ten_thousand_names_are_cut_and_the_one_asked_for_stays() {
    let names: Vec<String> = (0..10_000).map(|n| format!("n{n}.test")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let request =
        LeafRequest::like(&server(&names, None), Some(&name("n9999.test")), now()).unwrap();
    assert_eq!(request.names.len(), MAX_NAMES);
    assert_eq!(request.names[0], name("n9999.test"));
    assert_eq!(request.names[1], name("n0.test"));
    authority().issue(&request).unwrap();
}

#[test]
fn long_names_are_cut_by_their_size() {
    let names: Vec<String> =
        (0..500).map(|n| format!("{n}.{}.test", ["a".repeat(60).as_str(); 3].join("."))).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let request = LeafRequest::like(&server(&names, None), None, now()).unwrap();
    assert!((100..500).contains(&request.names.len()), "{}", request.names.len());
    assert!(authority().issue(&request).unwrap().chain[0].len() < 40_000);
}

#[test]
fn what_is_no_certificate_is_an_error() {
    let huge = CertificateDer::from(vec![0x30; MAX_CERTIFICATE_BYTES + 1]);
    let error = LeafRequest::like(&huge, None, now()).unwrap_err();
    assert_eq!(
        error,
        ParseServerCertificateError::TooLarge { len_bytes: MAX_CERTIFICATE_BYTES + 1 }
    );
    for bytes in [&[] as &[u8], b"\x30", b"\x30\x84\xff\xff\xff\xff", b"hello", &[0x30; 4096]] {
        let error = LeafRequest::like(&bytes.into(), None, now()).unwrap_err();
        assert!(matches!(error, ParseServerCertificateError::Malformed { .. }), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_certificate_never_panics(at in 0usize..400, to in any::<u8>(), cut in 0usize..500) {
        let mut bytes = authority().certificate_der().to_vec();
        let len = bytes.len();
        bytes[at % len] = to;
        bytes.truncate(cut.min(len));
        if let Ok(request) = LeafRequest::like(&bytes.into(), None, now()) {
            drop(authority().issue(&request));
        }
    }
}
