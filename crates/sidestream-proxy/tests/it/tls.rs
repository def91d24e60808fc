//! TLS through the proxy with clients and servers of OpenSSL: what each side sees of the other.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use sidestream_proxy::{
    ClientCerts, KeyLogFile, OwnCerts, TlsOptions, UpstreamTrust, Versions, certified_key,
    parse_ciphers,
};
use sidestream_record::{ClientCertificate, Event, HelloPart, Tls, TlsVersion};

use crate::openssl::{Bench, origin};
use crate::stage::{Recording, Stage};

fn legs(recording: &Recording) -> Vec<Tls> {
    let legs = recording.events.iter().filter_map(|event| match event {
        Event::Secured(tls) => Some(Tls::clone(tls)),
        _ => None,
    });
    legs.collect()
}

/// Returns the latest legs towards the server and towards the client.
fn pair(recording: &Recording) -> [Tls; 2] {
    let legs = legs(recording);
    let [.., server, client] = &legs[..] else { panic!("{legs:?}") };
    [server.clone(), client.clone()]
}

#[tokio::test]
async fn what_openssl_offers_is_offered_to_the_server_and_told() {
    let test = "what_openssl_offers_is_offered_to_the_server_and_told";
    let Some(bench) = Bench::new(test) else { return };
    let origin = bench.origin();
    let stage = bench.stage(origin.addr(), &TlsOptions::default()).await;
    let said = bench.ask(stage.addr, &["-groups", "P-384:X25519", "-tls1_3"]).await;
    assert!(said.contains("\r\n\r\nok"), "{said}");
    stage.settled().await;
    let [server, client] = pair(&stage.end().await);
    assert_eq!([&server.group, &client.group], [&Some("secp384r1".into()); 2]);
    assert_eq!([&server.version, &client.version], [&TlsVersion::Tls13; 2]);
    let differences = server.differences.unwrap();
    let parts: Vec<_> = differences.iter().map(|difference| difference.part).collect();
    for same in [HelloPart::Groups, HelloPart::KeyShares, HelloPart::Versions, HelloPart::Sni] {
        assert!(!parts.contains(&same), "{differences:?}");
    }
    assert!(parts.contains(&HelloPart::Extensions), "{differences:?}");
    assert!(server.ja4.unwrap().starts_with("t13d03"));
}

#[tokio::test]
async fn a_client_that_resumes_has_its_server_resume_and_another_client_has_not() {
    let test = "a_client_that_resumes_has_its_server_resume_and_another_client_has_not";
    let Some(bench) = Bench::new(test) else { return };
    for version in ["-tls1_2", "-tls1_3"] {
        let server = bench.serve(&[]);
        let stage = bench.stage(server.addr, &TlsOptions::default()).await;
        let said = bench.ask(stage.addr, &[version, "-sess_out", "session"]).await;
        assert!(said.contains("New, TLSv1."), "{said}");
        let said = bench.ask(stage.addr, &[version, "-sess_in", "session"]).await;
        assert!(said.contains("Reused, TLSv1."), "{said}");
        let said = bench.ask(stage.addr, &[version]).await;
        assert!(said.contains("New, TLSv1."), "{said}");
        stage.settled().await;
        let resumed: Vec<_> = legs(&stage.end().await).iter().map(|leg| leg.resumed).collect();
        assert_eq!(resumed, [false, false, true, true, false, false], "{version}");
    }
}

#[tokio::test]
async fn a_client_does_not_resume_what_its_server_has_forgotten() {
    let test = "a_client_does_not_resume_what_its_server_has_forgotten";
    let Some(bench) = Bench::new(test) else { return };
    let server = bench.serve(&["-no_ticket", "-no_cache", "-num_tickets", "0"]);
    let stage = bench.stage(server.addr, &TlsOptions::default()).await;
    bench.ask(stage.addr, &["-sess_out", "session"]).await;
    let said = bench.ask(stage.addr, &["-sess_in", "session"]).await;
    assert!(said.contains("New, TLSv1."), "{said}");
    stage.end().await;
}

#[tokio::test]
async fn early_data_for_a_session_that_is_not_ours_is_sent_again() {
    let test = "early_data_for_a_session_that_is_not_ours_is_sent_again";
    let Some(bench) = Bench::new(test) else { return };
    let mut config = bench.ca.server_config(&["a.test"]);
    config.max_early_data_size = 100_000;
    let server = origin(config);
    let stage = bench.stage(server.addr(), &TlsOptions::default()).await;
    std::fs::write(bench.path("root.pem"), [bench.ca.pem(), &stage.root_pem].concat()).unwrap();
    bench.ask(server.addr(), &["-tls1_3", "-sess_out", "session"]).await;
    // Far more than is taken off where nobody expects any.
    std::fs::write(bench.path("early"), vec![b'x'; 60_000]).unwrap();
    let args = ["-sess_in", "session", "-early_data", "early"];
    let said = bench.ask(stage.addr, &args).await;
    assert!(said.contains("Early data was rejected"), "{said}");
    assert!(said.contains("\r\n\r\nok"), "{said}");
    stage.end().await;
}

#[tokio::test]
async fn the_keys_of_both_legs_are_those_that_openssl_has() {
    let test = "the_keys_of_both_legs_are_those_that_openssl_has";
    let Some(bench) = Bench::new(test) else { return };
    let server = bench.serve(&["-keylogfile", "server.keys"]);
    let file = std::fs::File::options().append(true).create(true).open(bench.path("ours.keys"));
    let key_log = Some(Arc::new(KeyLogFile::new(file.unwrap())));
    let options = TlsOptions { key_log, ..TlsOptions::default() };
    let stage = bench.stage(server.addr, &options).await;
    for version in ["-tls1_2", "-tls1_3"] {
        bench.ask(stage.addr, &[version, "-keylogfile", "client.keys"]).await;
    }
    stage.end().await;
    drop(server);
    let keys = |name| lines(&bench.path(name));
    let ours = keys("ours.keys");
    let of_clients = keys("client.keys");
    assert!(of_clients.len() >= 5, "{of_clients:?}");
    for line in of_clients.iter().chain(&keys("server.keys")) {
        assert!(ours.contains(line), "{line} is not among {ours:#?}");
    }
}

/// Lists the keys of a log; early ones and those for exporting may be told by one side alone.
fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let keys =
        text.lines().filter(|line| line.contains("TRAFFIC_SECRET") || line.contains("RANDOM"));
    keys.map(str::to_lowercase).collect()
}

#[tokio::test]
async fn a_server_that_asks_is_given_the_certificate_for_its_host() {
    let test = "a_server_that_asks_is_given_the_certificate_for_its_host";
    let Some(bench) = Bench::new(test) else { return };
    let (path, text) = bench.own("me");
    let mut client_certs = ClientCerts::default();
    client_certs.hosts.insert("a.test".into(), certified_key(&text).unwrap());
    let options = TlsOptions { client_certs, ..TlsOptions::default() };
    let trusted = path.to_str().unwrap();
    for version in ["-tls1_2", "-tls1_3"] {
        let server = bench.serve(&["-Verify", "1", "-verify_return_error", "-CAfile", trusted]);
        let stage = bench.stage(server.addr, &options).await;
        let said = bench.ask(stage.addr, &[version]).await;
        assert!(said.contains("HTTP/1.0 200"), "{said}");
        stage.settled().await;
        let [server, client] = pair(&stage.end().await);
        let Some(ClientCertificate::Given { subject, sha256 }) = server.client_certificate else {
            panic!("{server:?}")
        };
        assert_eq!((subject.as_str(), sha256.len()), ("CN=me", 64));
        assert_eq!(client.client_certificate, None);
    }
}

#[tokio::test]
async fn a_server_that_asks_in_vain_is_told_of_with_what_to_do() {
    let test = "a_server_that_asks_in_vain_is_told_of_with_what_to_do";
    let Some(bench) = Bench::new(test) else { return };
    for version in ["-tls1_2", "-tls1_3"] {
        let server = bench.serve(&["-Verify", "1", "-verify_return_error"]);
        let stage = bench.stage(server.addr, &TlsOptions::default()).await;
        let said = bench.ask(stage.addr, &[version]).await;
        assert!(!said.contains("HTTP/1.0 200"), "{said}");
        stage.settled().await;
        let recording = stage.end().await;
        let told = format!("{:?}", recording.events);
        assert!(told.contains("give one with --client-certs PATH"), "{version}: {told}");
    }
}

#[tokio::test]
async fn a_client_is_asked_for_a_certificate_and_what_it_gives_is_recorded() {
    let test = "a_client_is_asked_for_a_certificate_and_what_it_gives_is_recorded";
    let Some(bench) = Bench::new(test) else { return };
    let (path, _) = bench.own("me");
    let options = TlsOptions { request_client_cert: true, ..TlsOptions::default() };
    let origin = bench.origin();
    for version in ["-tls1_2", "-tls1_3"] {
        let check = async |args: &[&str]| {
            let stage = bench.stage(origin.addr(), &options).await;
            let said = bench.ask(stage.addr, &[&[version], args].concat()).await;
            assert!(said.contains("\r\n\r\nok"), "{said}");
            stage.settled().await;
            let [_, client] = pair(&stage.end().await);
            (client.client_certificate.unwrap(), client.certificates)
        };
        assert_eq!(check(&[]).await, (ClientCertificate::Absent, Vec::new()));
        let path = path.to_str().unwrap();
        let (given, shown) = check(&["-cert", path, "-key", path]).await;
        let ClientCertificate::Given { subject, sha256 } = given else { panic!("{given:?}") };
        assert_eq!(subject, "CN=me");
        assert_eq!(shown.len(), 1);
        assert_eq!((&shown[0].subject, shown[0].fingerprint()), (&subject, sha256));
    }
}

#[tokio::test]
async fn versions_and_ciphers_of_each_side_are_as_the_user_says() {
    let test = "versions_and_ciphers_of_each_side_are_as_the_user_says";
    let Some(bench) = Bench::new(test) else { return };
    let origin = bench.origin();
    let mut options = TlsOptions::default();
    options.client.versions = Versions { max: TlsVersion::Tls12, ..Versions::default() };
    options.client.ciphers = Some(parse_ciphers("ECDHE-ECDSA-CHACHA20-POLY1305").unwrap());
    options.server.versions = Versions { min: TlsVersion::Tls13, ..Versions::default() };
    options.server.ciphers = Some(parse_ciphers("TLS_AES_256_GCM_SHA384").unwrap());
    let stage = bench.stage(origin.addr(), &options).await;
    let said = bench.ask(stage.addr, &[]).await;
    assert!(said.contains("\r\n\r\nok"), "{said}");
    stage.settled().await;
    let [server, client] = pair(&stage.end().await);
    assert_eq!([server.version, client.version], [TlsVersion::Tls13, TlsVersion::Tls12]);
    assert_eq!(server.cipher, "TLS_AES_256_GCM_SHA384");
    assert_eq!(client.cipher, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256");
    // A version for which there is no cipher is none that can be chosen.
    let mut options = TlsOptions::default();
    options.client.ciphers = Some(parse_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256").unwrap());
    options.server.ciphers = Some(parse_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384").unwrap());
    options.client.versions = Versions::default();
    let stage = bench.stage(origin.addr(), &options).await;
    let said = bench.ask(stage.addr, &[]).await;
    assert!(said.contains("\r\n\r\nok"), "{said}");
    stage.settled().await;
    let [server, client] = pair(&stage.end().await);
    assert_eq!([server.version, client.version], [TlsVersion::Tls12; 2]);
    // A client that has none of the only version allowed towards servers is served all the same.
    options = TlsOptions::default();
    options.server.versions = Versions { min: TlsVersion::Tls13, ..Versions::default() };
    let stage = bench.stage(origin.addr(), &options).await;
    let said = bench.ask(stage.addr, &["-tls1_2"]).await;
    assert!(said.contains("\r\n\r\nok"), "{said}");
    stage.settled().await;
    let [server, client] = pair(&stage.end().await);
    assert_eq!([server.version, client.version], [TlsVersion::Tls13, TlsVersion::Tls12]);
    let error = parse_ciphers("AES128-SHA").unwrap_err().to_string();
    assert!(error.starts_with("\"AES128-SHA\" is no cipher suite that is spoken here"), "{error}");
}

#[tokio::test]
async fn a_client_without_anything_that_we_speak_is_passed() {
    let test = "a_client_without_anything_that_we_speak_is_passed";
    let Some(bench) = Bench::new(test) else { return };
    let server = bench.serve(&[]);
    let stage = bench.stage(server.addr, &TlsOptions::default()).await;
    std::fs::write(bench.path("root.pem"), bench.ca.pem()).unwrap();
    for offer in [&["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"][..], &["-groups", "P-521"]] {
        let said = bench.ask(stage.addr, offer).await;
        assert!(said.contains("HTTP/1.0 200"), "{said}");
    }
    let recording = stage.end().await;
    let passed = recording.events.iter().filter(|event| matches!(event, Event::Passed(_)));
    assert_eq!(passed.count(), 2);
}

#[tokio::test]
async fn a_certificate_of_the_users_own_is_shown_for_its_domain_alone() {
    let test = "a_certificate_of_the_users_own_is_shown_for_its_domain_alone";
    let Some(bench) = Bench::new(test) else { return };
    let origin = bench.origin();
    let (_, text) = bench.own("a.test");
    for (domain, shown) in [("a.test", true), ("*.test", true), ("*", true), ("b.test", false)] {
        let mut certs = OwnCerts::default();
        certs.insert(domain, certified_key(&text).unwrap());
        let options = TlsOptions { certs, ..TlsOptions::default() };
        let stage = bench.stage(origin.addr(), &options).await;
        let files = [stage.root_pem.as_bytes(), &text].concat();
        std::fs::write(bench.path("root.pem"), files).unwrap();
        let said = bench.ask(stage.addr, &[]).await;
        assert!(said.contains("\r\n\r\nok"), "{said}");
        assert_eq!(said.contains("issuer=CN = a.test"), shown, "{domain}: {said}");
        stage.end().await;
    }
}

#[tokio::test]
async fn a_certificate_that_can_be_forged_is_none() {
    let Some(bench) = Bench::new("a_certificate_that_can_be_forged_is_none") else { return };
    let openssl = |args: &str| {
        let mut command = Command::new("openssl");
        command.args(args.split(' ')).current_dir(bench.folder.path());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let root = "req -x509 -newkey rsa:2048 -nodes -subj /CN=Root -keyout ca.key -out ca.pem";
    openssl(root);
    openssl("req -newkey rsa:2048 -nodes -subj /CN=a.test -keyout weak.key -out weak.csr");
    std::fs::write(bench.path("names"), "subjectAltName=DNS:a.test\n").unwrap();
    let sign = "x509 -req -in weak.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out weak.pem";
    openssl(&format!("{sign} -sha1 -extfile names"));
    let level = "DEFAULT@SECLEVEL=0";
    let server = bench.serve(&["-cert", "weak.pem", "-key", "weak.key", "-cipher", level]);
    let root = rustls::pki_types::pem::PemObject::from_pem_file(bench.path("ca.pem")).unwrap();
    let trust = UpstreamTrust { roots: vec![root], insecure: false };
    let stage = Stage::new(server.addr, trust).await;
    std::fs::write(bench.path("root.pem"), &stage.root_pem).unwrap();
    let said = bench.ask(stage.addr, &[]).await;
    assert!(said.contains("alert bad certificate"), "{said}");
    stage.settled().await;
    let failure = stage.end().await.failure();
    assert!(failure.contains("signed with SHA-1"), "{failure}");
}
