//! Roots that leave and come back.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose};
use sidestream_ca::{Authority, GenerateError, ImportError, LeafRequest, Pkcs12Contents};

use crate::{authority, name, now, provider};

#[track_caller]
fn assert_same(left: &Authority, right: &Authority) {
    assert_eq!(left.certificate_der(), right.certificate_der());
    assert_eq!(left.key_der(), right.key_der());
    assert_eq!((left.name(), left.not_after()), (right.name(), right.not_after()));
    right.issue(&LeafRequest::new(name("example.test"), now())).unwrap();
}

#[test]
fn a_root_comes_back_from_pem() {
    let root = authority();
    let back = Authority::from_pem(&root.certificate_pem(), &root.key_pem(), &provider()).unwrap();
    assert_same(&root, &back);
    let both = format!("{}{}", root.key_pem(), root.certificate_pem());
    assert_same(&root, &Authority::from_pem(&both, &both, &provider()).unwrap());
}

#[test]
fn a_root_comes_back_from_pkcs12() {
    let root = authority();
    let archive = root.to_pkcs12("pass word ü", Pkcs12Contents::CertificateAndKey).unwrap();
    assert_same(&root, &Authority::from_pkcs12(&archive, "pass word ü", &provider()).unwrap());
    let wrong = Authority::from_pkcs12(&archive, "other", &provider()).unwrap_err();
    assert!(matches!(wrong, ImportError::Pkcs12(_)), "{wrong}");
    let alone = root.to_pkcs12("", Pkcs12Contents::Certificate).unwrap();
    let alone = Authority::from_pkcs12(&alone, "", &provider()).unwrap_err();
    assert!(matches!(alone, ImportError::Pkcs12Contents), "{alone}");
}

#[test]
fn any_name_goes_into_an_archive() {
    for name in ["CA 🦀", "🦀", "Ünï côdé, O=\\\"x\\\"", "漢字"] {
        let root = Authority::generate(name, now(), &provider()).unwrap();
        for contents in [Pkcs12Contents::Certificate, Pkcs12Contents::CertificateAndKey] {
            root.to_pkcs12("password", contents).unwrap();
        }
        let archive = root.to_pkcs12("password", Pkcs12Contents::CertificateAndKey).unwrap();
        assert_same(&root, &Authority::from_pkcs12(&archive, "password", &provider()).unwrap());
    }
}

#[test]
fn a_root_of_another_make_issues_under_its_own_name() {
    for algorithm in
        [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_RSA_SHA256]
    {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(DnType::CountryName, "AQ");
        params.distinguished_name.push(DnType::CommonName, "Ünïcode Root");
        let certificate = params.self_signed(&key).unwrap();
        let root =
            Authority::from_pem(&certificate.pem(), &key.serialize_pem(), &provider()).unwrap();
        assert_eq!(root.name(), "Ünïcode Root");
        root.issue(&LeafRequest::new(name("example.test"), now())).unwrap();
    }
}

#[test]
fn what_cannot_be_an_authority_is_refused() {
    let (root, other) = (authority(), authority());
    let key = KeyPair::generate().unwrap();
    let server =
        CertificateParams::new(["a.test".to_owned()]).unwrap().self_signed(&key).unwrap().pem();
    let edwards = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap().serialize_pem();
    let cases = [
        (server, key.serialize_pem(), "Authority"),
        (root.certificate_pem(), other.key_pem(), "Mismatch"),
        (root.certificate_pem(), edwards, "KeyKind"),
        (root.certificate_pem(), "garbage".to_owned(), "Key"),
        ("garbage".to_owned(), root.key_pem(), "Certificate"),
        (pem::encode(&pem::Pem::new("CERTIFICATE", *b"garbage")), root.key_pem(), "Certificate"),
    ];
    for (certificate, key, expected) in cases {
        let error = Authority::from_pem(&certificate, &key, &provider()).unwrap_err();
        let debug = format!("{error:?}");
        assert_eq!(debug.split([' ', '(']).next(), Some(expected), "{error}");
    }
}

#[test]
fn a_root_needs_a_name_that_fits() {
    for bad in ["", "line\nbreak", &"x".repeat(65)] {
        let error = Authority::generate(bad, now(), &provider()).unwrap_err();
        assert!(matches!(error, GenerateError::Name), "{error}");
    }
    Authority::generate(&"ü".repeat(64), now(), &provider()).unwrap();
}

#[test]
fn an_absurd_time_is_an_error() {
    let early = std::time::UNIX_EPOCH - std::time::Duration::from_secs(1);
    let late = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1 << 40);
    for at in [early, late] {
        let error = Authority::generate("Test CA", at, &provider()).unwrap_err();
        assert!(matches!(error, GenerateError::Time), "{error}");
    }
}
