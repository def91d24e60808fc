//! What is shared, and what is read.

use rustls::pki_types::CertificateDer;

use super::*;

fn der(name: &str) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec![name.into(), "192.0.2.7".into()]);
    made.unwrap().cert.der().clone()
}

#[test]
fn the_same_certificate_is_kept_once() {
    let known = Shown::default();
    let (one, other) = (der("one.test"), der("other.test"));
    let first = [&one, &other].map(|der| known.certificate(der));
    let second = [known.certificate(&one)];
    assert!(Arc::ptr_eq(&first[0], &second[0]));
    assert_eq!(first[0].der, one[..]);
    assert_eq!(first[0].names, ["one.test", "192.0.2.7"]);
    assert_eq!(first[1].names, ["other.test", "192.0.2.7"]);
    assert!(first[0].not_before < first[0].not_after);
}

#[test]
fn what_is_remembered_is_bounded() {
    let known = Shown::default();
    for number in 0..200_u32 {
        let der = CertificateDer::from([&number.to_be_bytes()[..], &[0; 10_000]].concat());
        known.certificate(&der);
        let known = known.0.lock().unwrap();
        let bytes: usize = known.by_der.keys().map(Bytes::len).sum();
        assert!(bytes == known.bytes && bytes <= KNOWN_BYTES, "{bytes}");
    }
    let large = CertificateDer::from(vec![0; MAX_SHARED + 1]);
    let [first, second] = [0, 1].map(|_| known.certificate(&large));
    assert!(!Arc::ptr_eq(&first, &second));
}

#[test]
fn what_cannot_be_read_is_kept_as_it_is() {
    let certificate = read_certificate(Bytes::from_static(b"no certificate"));
    assert_eq!(certificate.der, b"no certificate"[..]);
    assert_eq!(certificate.subject, "");
    // sha256sum of these bytes.
    assert!(certificate.fingerprint().starts_with("de826f9e5acba22f"));
}
