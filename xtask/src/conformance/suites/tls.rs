//! `testssl.sh`: what a client finds that looks for weaknesses of a server of TLS.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::conformance::ground::{Ground, Way, free_port};
use crate::conformance::tools::program;
use crate::conformance::{Case, Found};

/// A server of today, whose choices its clients get through us: what is weak is then ours.
const SERVER: &str = "server { listen 127.0.0.1:PORT ssl http2; CERTIFICATE \
    ssl_protocols TLSv1.2 TLSv1.3; ssl_prefer_server_ciphers on; \
    ssl_ciphers ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256; \
    add_header Strict-Transport-Security \"max-age=31536000; includeSubDomains\"; \
    add_header Content-Security-Policy \"default-src 'none'\"; \
    add_header X-Content-Type-Options nosniff; \
    location / { return 200 \"hello from the origin\\n\"; } }";

/// What it found.
#[derive(Debug, Deserialize)]
struct Finding {
    id: String,
    /// The host and its address; `/` where it speaks of its own machine.
    ip: String,
    severity: String,
    finding: String,
}

/// Has it look at a port of ours that stands in for a server.
pub(crate) fn run(ground: &Ground) -> Result<Found> {
    let testssl = program("testssl").or_else(|_| program("testssl.sh"))?;
    let (key, leaf) = (ground.path("leaf.key"), ground.path("leaf.pem"));
    let certificate =
        format!("ssl_certificate {}; ssl_certificate_key {};", leaf.display(), key.display());
    let server = ground.nginx("testssl", &SERVER.replace("CERTIFICATE", &certificate))?;
    let port = free_port()?;
    let mut ours = ground.sidestream();
    ours.args(["--quiet", "--mode"]);
    ours.arg(format!("reverse:https://localhost:{}@127.0.0.1:{port}", server.port));
    let _ours = ground.serve("testssl.sidestream", port, &mut ours)?;
    let findings = ground.path("testssl.json");
    let mut command = ground.command(Way::Direct, &testssl);
    command.args(["--quiet", "--color", "0", "--warnings", "batch", "--nodns", "none"]);
    command.args(["--ip", "127.0.0.1", "--add-ca"]).arg(ground.path("conf/root-cert.pem"));
    command.arg("--jsonfile").arg(&findings).arg(format!("localhost:{port}"));
    let ran = ground.run(&mut command)?;
    let cases = read(&findings).with_context(|| format!("it said {}{}", ran.stdout, ran.stderr))?;
    let is_whole = ran.stdout.lines().any(|line| line.trim_start().starts_with("Done "));
    ensure!(is_whole, "it broke off: {}{}", ran.stdout, ran.stderr);
    Ok(Found { by: by(&testssl)?, cases })
}

fn read(path: &Path) -> Result<Vec<Case>> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    judge(&text)
}

/// Makes a case of each finding; whatever it does not call right or neutral is a failure.
fn judge(text: &str) -> Result<Vec<Case>> {
    let findings: Vec<Finding> = serde_json::from_str(text)?;
    let of_us = findings.into_iter().filter(|finding| finding.ip != "/");
    let cases: Vec<_> = of_us
        .map(|Finding { id, severity, finding, .. }| match severity.as_str() {
            "OK" | "INFO" => Case::passed(id),
            _ => Case::failed(id, format!("{severity}: {finding}")),
        })
        .collect();
    ensure!(!cases.is_empty(), "it found nothing at all");
    Ok(cases)
}

fn by(testssl: &Path) -> Result<String> {
    let output = Command::new(testssl).arg("--version").output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = number(&said).with_context(|| format!("it says of its version {said:?}"))?;
    Ok(format!("testssl.sh {version}"))
}

/// Finds the number in the banner, behind the program's name.
fn number(banner: &str) -> Option<&str> {
    let words: Vec<_> = banner.split_whitespace().collect();
    let pairs = words.windows(2).filter(|pair| pair[0].starts_with("testssl"));
    let mut numbers = pairs.map(|pair| pair[1]);
    numbers.find(|word| word.starts_with(|first: char| first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_neither_right_nor_neutral_fails() {
        let finding = |id: &str, ip: &str, severity: &str| {
            format!(
                r#"{{"id":"{id}","ip":"{ip}","port":"1","severity":"{severity}","finding":"f"}}"#
            )
        };
        let findings = [
            finding("engine_problem", "/", "WARN"),
            finding("TLS1", "localhost/127.0.0.1", "OK"),
            finding("cert", "localhost/127.0.0.1", "INFO"),
            finding("HSTS", "localhost/127.0.0.1", "LOW"),
            finding("ROBOT", "localhost/127.0.0.1", "WARN"),
        ];
        let cases = judge(&format!("[{}]", findings.join(","))).unwrap();
        let expected = [
            Case::passed("TLS1"),
            Case::passed("cert"),
            Case::failed("HSTS", "LOW: f"),
            Case::failed("ROBOT", "WARN: f"),
        ];
        assert_eq!(cases, expected);
        judge("[]").unwrap_err();
    }

    #[test]
    fn the_version_stands_behind_the_name() {
        let banner = "#####\n    testssl       3.0.8 from https://testssl.sh/\n    (c283ca8)\n";
        assert_eq!(number(banner), Some("3.0.8"));
        assert_eq!(number("testssl.sh is missing"), None);
    }
}
