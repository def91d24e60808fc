//! The list of revoked certificates, and leaves that point to it.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use insta::assert_snapshot;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{CertificateRevocationListDer, ServerName, UnixTime};
use rustls::{CertificateError, Error, RootCertStore};
use sidestream_ca::{
    Authority, CRL_BACKDATE, CRL_LIFETIME, CrlCache, IssueError, LeafCache, LeafRequest,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

use crate::{authority, name, now, provider};

const DAY: Duration = Duration::from_secs(86_400);
const URL: &str = "http://sidestream.internal/0.crl";

/// A root of another make, with a key for these purposes.
fn imported(
    algorithm: &'static rcgen::SignatureAlgorithm,
    usages: &[KeyUsagePurpose],
) -> Authority {
    let key = KeyPair::generate_for(algorithm).unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = usages.to_vec();
    params.distinguished_name.push(DnType::CommonName, "Other Root");
    let certificate = params.self_signed(&key).unwrap();
    Authority::from_pem(&certificate.pem(), &key.serialize_pem(), &provider()).unwrap()
}

/// A leaf that says where the list is.
fn pointing() -> LeafRequest {
    LeafRequest { crl_url: Some(URL.into()), ..LeafRequest::new(name("example.test"), now()) }
}

/// Verifies a leaf as a client does that takes none of which it does not know that it is not
/// revoked.
fn verify(authority: &Authority, crl: &[u8], at: SystemTime) -> Result<(), Error> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate_der().clone()).unwrap();
    let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider());
    let crl = CertificateRevocationListDer::from(crl.to_vec());
    let verifier = builder.with_crls([crl]).enforce_revocation_expiration().build().unwrap();
    let leaf = authority.issue(&pointing()).unwrap();
    let at = UnixTime::since_unix_epoch(at.duration_since(UNIX_EPOCH).unwrap());
    let asked = ServerName::try_from("example.test").unwrap();
    verifier.verify_server_cert(&leaf.chain[0], &[], &asked, &[], at).map(drop)
}

#[test]
fn the_list_is_empty_and_says_whose_it_is_and_how_long_it_counts() {
    let crl = authority().crl(now()).unwrap();
    let (rest, list) = CertificateRevocationList::from_der(&crl.der).unwrap();
    assert!(rest.is_empty());
    let extensions = list.extensions().iter().map(|extension| {
        let critical = if extension.critical { " (critical)" } else { "" };
        match format!("{:?}", extension.parsed_extension()) {
            identifier if identifier.contains("KeyIdentifier") => {
                format!("{}{critical}: (key identifier)", extension.oid)
            }
            value => format!("{}{critical}: {value}", extension.oid),
        }
    });
    let extensions: Vec<_> = extensions.collect();
    let said = format!(
        "version {:?} by {}, signed as {}\n{} to {}\nrevoked: {}\n{}",
        list.version().unwrap(),
        list.issuer(),
        list.signature_algorithm.algorithm,
        list.last_update(),
        list.next_update().unwrap(),
        list.iter_revoked_certificates().count(),
        extensions.join("\n")
    );
    assert_snapshot!(said, @r"
    version X509Version(1) by CN=Test CA (ada@laptop), signed as 1.2.840.10045.4.3.2
    Dec 30 00:00:00 2025 +00:00 to Jan  8 00:00:00 2026 +00:00
    revoked: 0
    2.5.29.35: (key identifier)
    2.5.29.20: CRLNumber(1767052800)
    ");
}

#[test]
fn who_checks_revocation_accepts_a_leaf_with_the_list_of_its_own_root_alone() {
    const SIGNS: &[KeyUsagePurpose] = &[KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let roots = [
        authority(),
        imported(&rcgen::PKCS_ECDSA_P256_SHA256, SIGNS),
        imported(&rcgen::PKCS_ECDSA_P384_SHA384, SIGNS),
        imported(&rcgen::PKCS_RSA_SHA256, SIGNS),
        imported(&rcgen::PKCS_ECDSA_P256_SHA256, &[]),
    ];
    let other = Authority::generate(authority().name(), now(), &provider()).unwrap();
    for root in roots {
        assert!(root.signs_crls());
        let crl = root.crl(now()).unwrap().der;
        verify(&root, &crl, now()).unwrap();
        let expired = verify(&root, &crl, now() + CRL_LIFETIME + DAY).unwrap_err();
        let Error::InvalidCertificate(CertificateError::ExpiredRevocationListContext { .. }) =
            expired
        else {
            panic!("{expired}")
        };
        verify(&root, &other.crl(now()).unwrap().der, now()).unwrap_err();
    }
}

#[test]
fn a_root_for_certificates_alone_signs_no_list() {
    let root = imported(&rcgen::PKCS_ECDSA_P256_SHA256, &[KeyUsagePurpose::KeyCertSign]);
    assert!(!root.signs_crls());
    assert_eq!(root.crl(now()).unwrap_err(), IssueError::CrlSign);
}

#[test]
fn a_list_counts_from_two_days_before_for_a_week_and_not_beyond_the_root() {
    let seconds = |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let authority = authority();
    for at in [now(), now() + 100 * DAY] {
        let crl = authority.crl(at).unwrap();
        let (_, list) = CertificateRevocationList::from_der(&crl.der).unwrap();
        let (from, to) = (list.last_update(), list.next_update().unwrap());
        let told = [from, to].map(|time| u64::try_from(time.timestamp()).unwrap());
        assert_eq!(told, [seconds(at - CRL_BACKDATE), seconds(at + CRL_LIFETIME)]);
        assert_eq!(crl.next_update, at + CRL_LIFETIME);
    }
    let last = authority.crl(authority.not_after() - DAY).unwrap();
    assert_eq!(last.next_update, authority.not_after());
    assert_eq!(authority.crl(authority.not_after()).unwrap_err(), IssueError::Expired);
    assert_eq!(authority.crl(now() - 3 * DAY).unwrap_err(), IssueError::Expired);
}

#[test]
fn a_later_list_has_a_larger_number() {
    let authority = authority();
    let number = |at| {
        let crl = authority.crl(at).unwrap();
        let (_, list) = CertificateRevocationList::from_der(&crl.der).unwrap();
        list.crl_number().unwrap().clone()
    };
    assert!(number(now()) < number(now() + Duration::from_secs(1)));
    assert_eq!(number(now()), number(now()));
}

#[test]
fn a_list_is_signed_anew_only_when_it_nears_its_end() {
    let authority = authority();
    let mut cache = CrlCache::default();
    let mut get = |at| cache.get_or_sign(&authority, at).unwrap().clone();
    let first = get(now());
    assert_eq!(get(now()), first);
    assert_eq!(get(now() + CRL_LIFETIME - 2 * DAY), first);
    let second = get(now() + CRL_LIFETIME - DAY);
    assert_eq!(second.next_update, first.next_update + CRL_LIFETIME - DAY);
    // A clock that was put back by more than a week.
    assert_eq!(get(now() - DAY).next_update, now() - DAY + CRL_LIFETIME);
    let end = authority.not_after();
    let last = get(end - 3 * DAY);
    assert_eq!(get(end - DAY / 2), last, "there is none that counts longer");
    assert_eq!(cache.get_or_sign(&authority, end).unwrap_err(), IssueError::Expired);
}

#[test]
fn a_leaf_points_to_the_list_where_it_is_asked_to() {
    let authority = authority();
    let points = |request: &LeafRequest| {
        let leaf = authority.issue(request).unwrap();
        let (_, certificate) = X509Certificate::from_der(&leaf.chain[0]).unwrap();
        let mut extensions = certificate.extensions().iter();
        let found = extensions.find(|extension| extension.oid.to_id_string() == "2.5.29.31");
        found.map(|extension| (extension.critical, format!("{:?}", extension.parsed_extension())))
    };
    let plain = LeafRequest::new(name("example.test"), now());
    assert_eq!(points(&plain), None);
    let (is_critical, value) = points(&pointing()).unwrap();
    assert!(!is_critical && value.contains(&format!("URI({URL:?})")), "{value}");
    let odd = LeafRequest { crl_url: Some("http://bücher.test/".into()), ..plain.clone() };
    assert!(matches!(authority.issue(&odd).unwrap_err(), IssueError::Make(_)));
    let mut cache = LeafCache::new(NonZeroUsize::new(8).unwrap());
    let first = cache.get_or_issue(&authority, &plain).unwrap();
    assert!(!Arc::ptr_eq(&first, &cache.get_or_issue(&authority, &pointing()).unwrap()));
}

#[test]
fn the_pointers_of_a_servers_authority_are_not_copied() {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["example.test".to_owned()]).unwrap();
    let uris = vec!["http://ca.example.test/root.crl".to_owned()];
    params.crl_distribution_points = vec![rcgen::CrlDistributionPoint { uris }];
    let server = params.self_signed(&key).unwrap();
    let request = LeafRequest::like(server.der(), None, now()).unwrap();
    assert_eq!(request.crl_url, None);
    let leaf = authority().issue(&request).unwrap();
    let held = leaf.chain[0].windows(15).any(|part| part == b"ca.example.test");
    assert!(!held);
}

#[test]
fn each_root_has_a_file_name_of_its_own() {
    let (one, other) = (authority(), authority());
    assert_eq!(one.crl_file_name(), one.crl_file_name());
    assert_ne!(one.crl_file_name(), other.crl_file_name());
    assert_eq!(one.crl_file_name().len(), 24);
}
