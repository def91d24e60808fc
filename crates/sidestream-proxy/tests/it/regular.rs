//! An explicit proxy, with curl as its client.

use std::io::Write as _;
use std::process::{Output, Stdio};

use sidestream_proxy::UpstreamTrust;
use sidestream_record::Event;
use sidestream_testkit::{Origin, TestCa, Validity, Wire};
use tempfile::NamedTempFile;
use tokio::process::Command;

use crate::stage::{Recording, Stage};

/// Runs curl through the proxy with these arguments, with the proxy's root trusted.
async fn curl(stage: &Stage, args: &[&str]) -> Output {
    let mut root = NamedTempFile::new().unwrap();
    root.write_all(stage.root_pem.as_bytes()).unwrap();
    Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "60", "--noproxy", "", "--proxy"])
        .arg(format!("http://{}", stage.addr))
        .arg("--cacert")
        .arg(root.path())
        .args(args)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap()
}

fn has_curl(test: &str) -> bool {
    let ran = std::process::Command::new("curl").arg("--version").output();
    let has = ran.is_ok_and(|output| output.status.success());
    if !has {
        sidestream_testkit::skip(test, "no curl here");
    }
    has
}

fn ok(wire: &mut Wire) -> std::io::Result<()> {
    wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
}

fn urls(recording: &Recording) -> Vec<&str> {
    recording.exchanges().iter().map(|exchange| exchange.url.as_str()).collect()
}

fn named(recording: &Recording, host: &str) -> bool {
    recording
        .events
        .iter()
        .any(|event| matches!(event, Event::Named { host: name } if name == host))
}

#[tokio::test]
async fn curl_gets_a_plain_page_twice_over_one_connection() {
    if !has_curl("regular::curl_gets_a_plain_page_twice_over_one_connection") {
        return;
    }
    let origin = Origin::http(|_, wire| ok(wire));
    let stage = Stage::regular(UpstreamTrust::default());
    let url = format!("http://{}/", origin.addr());
    let output = curl(&stage, &[&url, &url]).await;
    assert_eq!(String::from_utf8_lossy(&output.stdout), "okok", "{output:?}");
    assert!(origin.requests()[0].head().starts_with(b"GET / HTTP/1.1\r\n"));
    assert_eq!(origin.received().len(), 1, "the server's connection is kept");
    stage.settled().await;
    let recording = stage.end().await;
    assert_eq!((recording.served.flows, urls(&recording)), (1, vec![&*url, &*url]));
}

#[tokio::test]
async fn curl_gets_a_secure_page_that_is_recorded_decrypted() {
    if !has_curl("regular::curl_gets_a_secure_page_that_is_recorded_decrypted") {
        return;
    }
    let ca = TestCa::new();
    let origin = Origin::https(ca.server_config(&["localhost"]), |_, wire| ok(wire));
    let roots = vec![ca.der().clone()];
    let stage = Stage::regular(UpstreamTrust { roots, insecure: false });
    let url = format!("https://localhost:{}/secret", origin.port());
    let output = curl(&stage, &["--http1.1", &url]).await;
    assert_eq!(String::from_utf8_lossy(&output.stdout), "ok", "{output:?}");
    stage.settled().await;
    let recording = stage.end().await;
    assert!(urls(&recording).contains(&&*url), "{:?}", urls(&recording));
    assert!(named(&recording, "localhost"));
}

#[tokio::test]
async fn curl_that_does_not_trust_the_root_refuses_and_is_told_apart() {
    if !has_curl("regular::curl_that_does_not_trust_the_root_refuses_and_is_told_apart") {
        return;
    }
    let ca = TestCa::new();
    let origin = Origin::https(ca.server_config(&["localhost"]), |_, wire| ok(wire));
    let roots = vec![ca.der().clone()];
    let stage = Stage::regular(UpstreamTrust { roots, insecure: false });
    let url = format!("https://localhost:{}/", origin.port());
    let other = ca.pem_path().to_string_lossy();
    let output = curl(&stage, &["--http1.1", "--cacert", &other, &url]).await;
    // CURLE_PEER_FAILED_VERIFICATION
    assert_eq!(output.status.code(), Some(60), "{output:?}");
    stage.settled().await;
    let failure = stage.end().await.failure();
    assert!(failure.contains("does not trust our root"), "{failure}");
}

#[tokio::test]
async fn curl_is_told_what_is_wrong_with_a_server() {
    if !has_curl("regular::curl_is_told_what_is_wrong_with_a_server") {
        return;
    }
    let stage = Stage::regular(UpstreamTrust::default());
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = curl(&stage, &["--write-out", "%{http_code}", &format!("http://{unused}/")]).await;
    let answer = String::from_utf8_lossy(&output.stdout);
    assert!(answer.ends_with("502") && answer.contains("refused"), "{answer}");

    let ca = TestCa::new();
    let expired = ca.leaf(&["localhost"], Validity::Expired);
    let origin = Origin::https(expired.server_config(rustls::DEFAULT_VERSIONS), |_, _| Ok(()));
    let output = curl(&stage, &[&format!("https://localhost:{}/", origin.port())]).await;
    assert!(!output.status.success(), "{output:?}");
    let untrusted = String::from_utf8_lossy(&output.stderr);
    assert!(untrusted.contains("certificate"), "{untrusted}");
}

#[tokio::test]
async fn curl_uploads_in_chunks_and_gets_trailers() {
    if !has_curl("regular::curl_uploads_in_chunks_and_gets_trailers") {
        return;
    }
    let origin = Origin::http(|request, wire| {
        let length = request.body().len();
        let chunk = format!("{length}");
        let size = chunk.len();
        write!(wire, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n")?;
        write!(wire, "{size:x};a=b\r\n{chunk}\r\n0\r\nX: y\r\n\r\n")
    });
    let stage = Stage::regular(UpstreamTrust::default());
    let mut upload = NamedTempFile::new().unwrap();
    upload.write_all(&vec![b'x'; 300_000]).unwrap();
    let (file, url) = (upload.path().to_string_lossy(), format!("http://{}/", origin.addr()));
    let chunked = ["--header", "Transfer-Encoding: chunked", "--include"];
    let args = [&chunked[..], &["--upload-file", &file, &url]].concat();
    let output = curl(&stage, &args).await;
    let answer = String::from_utf8_lossy(&output.stdout);
    assert!(answer.contains("X: y"), "{output:?}");
    stage.settled().await;
    let recording = stage.end().await;
    assert_eq!(recording.exchanges()[0].request_body.bytes, 300_000);
    assert!(recording.exchanges()[0].response_body.trailers.get("x").is_some());
}
