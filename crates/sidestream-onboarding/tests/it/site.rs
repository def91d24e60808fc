//! Paths, methods, fields.

use sidestream_onboarding::{Request, Response, Site};

use crate::{authority, browse, get, site, text};

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    let mut found = response.headers.iter().filter(|(other, _)| *other == name);
    let value = found.next().map(|(_, value)| value.as_str());
    assert!(found.next().is_none(), "{name} is there twice");
    value
}

#[track_caller]
fn check(path: &str, status: u16, media_type: &str) {
    let response = get(&site(), path);
    let told = (response.status, header(&response, "content-type").unwrap());
    assert_eq!(told, (status, media_type), "{path}");
}

#[test]
fn each_file_has_the_type_that_its_systems_know() {
    const X509: &str = "application/x-x509-ca-cert";
    for stem in ["/sidestream-ca", "/cert"] {
        check(&format!("{stem}.pem"), 200, "application/x-pem-file");
        check(&format!("{stem}.crt"), 200, X509);
        check(&format!("{stem}.cer"), 200, X509);
        check(&format!("{stem}.der"), 200, X509);
        check(&format!("{stem}.p12"), 200, "application/x-pkcs12");
        check(&format!("{stem}.mobileconfig"), 200, "application/x-apple-aspen-config");
    }
    check("/cert.pem?again", 200, "application/x-pem-file");
    for path in ["/cert", "/cert.", "/cert.key", "/cert.pemx", "//cert.pem", "/CERT.PEM", "", "*"] {
        check(path, 404, "text/plain; charset=utf-8");
    }
    check("/", 200, "text/plain; charset=utf-8");
}

#[test]
fn a_file_is_saved_under_its_long_name() {
    let response = get(&site(), "/cert.cer");
    let disposition = header(&response, "content-disposition");
    assert_eq!(disposition, Some("attachment; filename=\"sidestream-ca.cer\""));
}

#[test]
fn whatever_is_answered_is_measured_and_not_kept() {
    let site = site();
    for path in ["/", "/cert.pem", "/nothing"] {
        for response in [get(&site, path), browse(&site, path, "")] {
            let len = response.body.len().to_string();
            assert_eq!(header(&response, "content-length"), Some(len.as_str()));
            assert_eq!(header(&response, "cache-control"), Some("no-store"));
            assert_eq!(header(&response, "x-content-type-options"), Some("nosniff"));
        }
    }
}

#[test]
fn head_is_answered_like_get_without_content() {
    let site = site();
    for path in ["/", "/cert.p12", "/nothing"] {
        let whole = get(&site, path);
        let request = Request { method: "HEAD", path, ..Request::default() };
        let head = site.answer(&request);
        assert_eq!((head.status, &head.headers), (whole.status, &whole.headers), "{path}");
        assert!(head.body.is_empty());
    }
}

#[test]
fn nothing_can_be_changed_here() {
    let site = site();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "get", ""] {
        let response = site.answer(&Request { method, path: "/", ..Request::default() });
        assert_eq!((response.status, header(&response, "allow")), (405, Some("GET, HEAD")));
    }
}

/// Returns whether a part of the secret stands in the answer, as bytes or in base64.
fn shows(answer: &[u8], secret: &[u8], in_base64: &str) -> bool {
    let base64: String = in_base64.lines().filter(|line| !line.starts_with('-')).collect();
    // The beginning says of which kind the key is; what makes it up follows later.
    let parts = secret.windows(16).skip(36).chain(base64.as_bytes().windows(24).skip(48));
    let mut parts = parts.filter(|part| part.len() <= answer.len());
    parts.any(|part| answer.windows(part.len()).any(|window| window == part))
}

#[test]
fn the_private_key_is_in_no_answer() {
    let authority = authority("Test");
    let site = Site::new(&authority).unwrap();
    // Behind the key stands the public one, which is the certificate's.
    let key = authority.key_der().secret_der();
    let secret = &key[..key.len() - 70];
    assert!(shows(key, secret, ""), "the test would find it");
    let names = ["sidestream-ca", "cert", "root", "key", "ca", "root-cert", ".."];
    let endings = ["pem", "crt", "cer", "der", "p12", "pfx", "key", "mobileconfig", "txt"];
    let files = names.iter().flat_map(|name| endings.map(|ending| format!("/{name}.{ending}")));
    let others = ["/", "/key", "/private", "/cert.p12?key=1", "/../root.pem"].map(str::to_owned);
    let pem = authority.key_pem();
    let pem: String = pem.lines().take(3).collect::<Vec<_>>().join("\n");
    for path in files.chain(others) {
        for response in [get(&site, &path), browse(&site, &path, "iPhone")] {
            assert!(!shows(&response.body, secret, &pem), "{path}");
            assert!(!String::from_utf8_lossy(&response.body).contains("PRIVATE KEY"), "{path}");
        }
    }
    assert!(!format!("{site:?}").contains("PRIVATE"));
}

#[test]
fn a_terminal_is_told_where_the_files_are() {
    let site = site();
    let text = text(&get(&site, "/")).replace(site.fingerprint(), "[fingerprint]");
    insta::assert_snapshot!(text);
}

#[test]
fn the_list_of_revoked_certificates_is_where_its_root_says() {
    let authority = authority("Test");
    let site = Site::new(&authority).unwrap();
    let path = site.crl_path().unwrap();
    assert_eq!(path, format!("/{}", authority.crl_file_name()));
    let list = site.answer_crl("GET", Some(b"list"));
    let told = (list.status, header(&list, "content-type"), &list.body[..]);
    assert_eq!(told, (200, Some("application/pkix-crl"), &b"list"[..]));
    assert_eq!(header(&list, "content-length"), Some("4"));
    assert_eq!(header(&list, "cache-control"), Some("max-age=3600"));
    let head = site.answer_crl("HEAD", Some(b"list"));
    assert_eq!((head.status, &head.headers, head.body.len()), (200, &list.headers, 0));
    for (method, crl, status) in [("GET", None, 503), ("POST", Some(&b"list"[..]), 405)] {
        let refused = site.answer_crl(method, crl);
        assert_eq!((refused.status, header(&refused, "cache-control")), (status, Some("no-store")));
    }
}
