//! `h2load`: many requests at once, of which none may fail.

use anyhow::{Context, Result};

use crate::conformance::ground::{Ground, Way, version};
use crate::conformance::tools::program;
use crate::conformance::{Case, Found};

/// Requests of each run.
const REQUESTS: &str = "5000";

/// What is asked for: a name, and the words of `h2load`.
const LOADS: [(&str, &[&str]); 6] = [
    ("http/1.1, 1 connection", &["--h1", "-c", "1"]),
    ("http/1.1, 50 connections", &["--h1", "-c", "50"]),
    ("http/1.1 over TLS, 20 connections", &["--h1", "-c", "20", "tls"]),
    ("http/2, 4 connections with 32 streams", &["-c", "4", "-m", "32"]),
    ("http/2 over TLS, 1 connection with 100 streams", &["-c", "1", "-m", "100", "tls"]),
    ("http/2 over TLS, 20 connections with 10 streams", &["-c", "20", "-m", "10", "tls"]),
];

/// Runs each load both ways.
pub(crate) fn run(ground: &Ground) -> Result<Found> {
    let h2load = program("h2load")?;
    let by = version(&h2load, "--version")?;
    let answer = "location / { return 200 \"hello from the origin\\n\"; }";
    let (key, leaf) = (ground.path("leaf.key"), ground.path("leaf.pem"));
    let certificate =
        format!("ssl_certificate {}; ssl_certificate_key {};", leaf.display(), key.display());
    let plain = |name, words: &str| {
        ground.nginx(
            name,
            &format!("server {{ listen 127.0.0.1:PORT {words}; {certificate} {answer} }}"),
        )
    };
    let servers = [plain("load1", "")?, plain("load2", "http2")?, plain("load-tls", "ssl http2")?];
    let mut cases = Vec::new();
    for (name, words) in LOADS {
        let is_tls = words.last() == Some(&"tls");
        let words = words.strip_suffix(&["tls"]).unwrap_or(words);
        let [http1, http2, tls] = &servers;
        let (scheme, server) = match words[0] {
            _ if is_tls => ("https", tls),
            "--h1" => ("http", http1),
            _ => ("http", http2),
        };
        for (way, said) in [(Way::Direct, "directly"), (Way::Through(&[]), "through us")] {
            let mut command = ground.command(way, &h2load);
            command.args(["-n", REQUESTS]).args(words);
            let ran = ground.run(command.arg(format!("{scheme}://127.0.0.1:{}/", server.port)))?;
            let line = ran.stdout.lines().find(|line| line.starts_with("requests:"));
            let line = line.with_context(|| format!("h2load said {}{}", ran.stdout, ran.stderr))?;
            let name = format!("{name}, {said}");
            cases.push(
                match line.contains(&format!("{REQUESTS} succeeded, 0 failed, 0 errored")) {
                    true => Case::passed(name),
                    false => Case::failed(name, line),
                },
            );
        }
    }
    Ok(Found { by, cases })
}
