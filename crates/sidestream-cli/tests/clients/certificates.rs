//! What clients are shown as their server's certificate.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use sidestream::proxy::certified_key;
use sidestream_testkit::{Origin, Validity};

use crate::harness::{ANSWER, Bench, Ran, answer, program};

const NAMES: [&str; 3] = ["localhost", "other.test", "127.0.0.1"];

/// Starts an origin that sends its authority's certificate behind its own.
fn chained(bench: &Bench) -> Origin {
    let leaf = bench.ca.leaf(&NAMES, Validity::Current);
    let chain = vec![leaf.chain[0].clone(), bench.ca.der().clone()];
    let key = CertifiedKey::from_der(chain, leaf.key, &default_provider()).unwrap();
    Origin::https(server_config(key), answer)
}

/// Starts an origin whose key is RSA, and that closes behind each answer.
fn rsa(bench: &Bench) -> Origin {
    let (key, certificate) = (bench.path("rsa.key"), bench.path("rsa.crt"));
    let made = Command::new("/usr/bin/openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost", "-keyout"])
        .args([&key, Path::new("-out"), &certificate])
        .output();
    assert!(made.unwrap().status.success());
    let read = |path| std::fs::read(path).unwrap();
    let pem = [read(certificate), read(key)].concat();
    let config = server_config(Arc::unwrap_or_clone(certified_key(&pem).unwrap()));
    Origin::https(config, |request, wire| {
        answer(request, wire)?;
        wire.close()
    })
}

fn server_config(key: CertifiedKey) -> ServerConfig {
    ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(key)))
}

/// Runs a program, with options of our own.
fn run(bench: &Bench, options: &[&str], words: &[&str]) -> Ran {
    let mut command = bench.sidestream(["run", "--json"]);
    command.arg(bench.path("flows.json")).args(options).arg("--").args(words);
    bench.finish(&mut command)
}

/// Returns the certificates that curl was shown, in words.
fn shown(bench: &Bench, origin: &Origin, options: &[&str]) -> String {
    let url = format!("https://localhost:{}/", origin.port());
    let curl = ["/usr/bin/curl", "-sS4", "-o", "/dev/null", "-w", "%{num_certs}\n%{certs}", &url];
    let ran = run(bench, options, &curl);
    assert!(ran.output.status.success(), "{}", ran.stderr);
    ran.check_http("GET", &url, 200, "curl");
    ran.stdout
}

#[test]
fn a_certificate_has_the_servers_names_unless_told_otherwise() {
    if program("a_certificate_has_the_servers_names_unless_told_otherwise", "curl").is_none() {
        return;
    }
    let bench = Bench::new();
    let origin = chained(&bench);
    let like = shown(&bench, &origin, &[]);
    assert!(like.contains("DNS:other.test"), "{like}");
    let alone = shown(&bench, &origin, &["--upstream-cert=false"]);
    assert!(alone.contains("DNS:localhost") && !alone.contains("other.test"), "{alone}");
}

#[test]
fn the_servers_chain_stands_behind_our_certificate_where_asked_for() {
    let test = "the_servers_chain_stands_behind_our_certificate_where_asked_for";
    if program(test, "curl").is_none() {
        return;
    }
    let bench = Bench::new();
    let origin = chained(&bench);
    let alone = shown(&bench, &origin, &[]);
    assert!(alone.starts_with("1\n"), "{alone}");
    let chain = shown(&bench, &origin, &["--add-upstream-certs-to-client-chain"]);
    assert!(chain.starts_with("2\n"), "{chain}");
    // curl writes each out in PEM, and leaves out the last line's end.
    let authority = bench.ca.pem().lines().nth(1).unwrap();
    assert!(chain.contains(authority), "{chain}");
    let options = ["--add-upstream-certs-to-client-chain", "--upstream-cert=false"];
    let ran = run(&bench, &options, &["true"]);
    assert!(ran.stderr.contains("give one of the two"), "{}", ran.stderr);
}

#[test]
fn curl_that_takes_rsa_alone_is_decrypted() {
    let test = "curl_that_takes_rsa_alone_is_decrypted";
    if program(test, "curl").is_none() || program(test, "openssl").is_none() {
        return;
    }
    let bench = Bench::new();
    let origin = rsa(&bench);
    let url = format!("https://localhost:{}/", origin.port());
    let curl = ["/usr/bin/curl", "-sS4", "--tls-max", "1.2"];
    let ciphers = ["--ciphers", "ECDHE-RSA-AES128-GCM-SHA256", &url];
    let ran = run(&bench, &["--insecure"], &[&curl[..], &ciphers].concat());
    let line = ran.check_success(ANSWER).check_http("GET", &url, 200, "curl");
    assert_eq!(line["tls"]["cipher"], "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
    assert_eq!(line["server_tls"]["cipher"], line["tls"]["cipher"]);
}

#[test]
fn openssl_that_takes_rsa_alone_is_decrypted() {
    let test = "openssl_that_takes_rsa_alone_is_decrypted";
    if program(test, "openssl").is_none() {
        return;
    }
    let bench = Bench::new();
    let origin = rsa(&bench);
    let port = origin.port();
    for version in ["-tls1_2", "-tls1_3"] {
        let script = format!(
            "printf 'GET / HTTP/1.1\\r\\nHost: localhost:{port}\\r\\nConnection: close\\r\\n\\r\\n' |
             openssl s_client -quiet -verify_return_error -connect 127.0.0.1:{port} {version} \
             -servername localhost -verify_hostname localhost -sigalgs RSA-PSS+SHA256"
        );
        let ran = run(&bench, &["--insecure"], &["sh", "-c", &script]);
        assert!(ran.stdout.ends_with(ANSWER), "{version}: {}\n{}", ran.stdout, ran.stderr);
        let url = format!("https://localhost:{port}/");
        ran.check_http("GET", &url, 200, "openssl");
    }
}
