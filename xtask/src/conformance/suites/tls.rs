//! `testssl.sh`: what a client finds that looks for weaknesses of a server of TLS.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::conformance::ground::{Ground, Way, free_port, version};
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
    let output = Command::new(testssl).args(["--color", "0", "--version"]).output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = said.split_whitespace().skip_while(|word| !word.starts_with("testssl")).nth(1);
    match number {
        Some(number) => Ok(format!("testssl.sh {number}")),
        None => version(testssl, "--version"),
    }
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
}
