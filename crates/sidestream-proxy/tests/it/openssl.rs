//! OpenSSL as client and as server.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use sidestream_proxy::{TlsOptions, UpstreamTrust};
use sidestream_testkit::{Origin, TestCa, skip};
use tempfile::TempDir;

use crate::stage::Stage;

/// What the tests have: a folder, an authority, and files of both.
pub(crate) struct Bench {
    pub(crate) folder: TempDir,
    pub(crate) ca: TestCa,
}

impl Bench {
    pub(crate) fn new(test: &str) -> Option<Self> {
        if Command::new("openssl").arg("version").output().is_err() {
            skip(test, "openssl is not installed");
            return None;
        }
        Some(Self { folder: tempfile::tempdir().unwrap(), ca: TestCa::new() })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn origin(&self) -> Origin {
        origin(self.ca.server_config(&["a.test"]))
    }

    fn trust(&self) -> UpstreamTrust {
        UpstreamTrust { roots: vec![self.ca.der().clone()], insecure: false }
    }

    pub(crate) async fn stage(&self, server: SocketAddr, options: &TlsOptions) -> Stage {
        let stage = Stage::tuned(server, self.trust(), options).await;
        std::fs::write(self.path("root.pem"), &stage.root_pem).unwrap();
        stage
    }

    /// Makes a certificate with its key, signed by itself.
    pub(crate) fn own(&self, name: &str) -> (PathBuf, Vec<u8>) {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let certificate = params.self_signed(&key).unwrap();
        let text = format!("{}{}", certificate.pem(), key.serialize_pem());
        let path = self.path(&format!("{name}.pem"));
        std::fs::write(&path, &text).unwrap();
        (path, text.into_bytes())
    }

    /// Asks for a page with `openssl s_client`, and returns all that it says.
    pub(crate) async fn ask(&self, addr: SocketAddr, args: &[&str]) -> String {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-servername", "a.test", "-connect", &addr.to_string()]);
        command
            .arg("-CAfile")
            .arg(self.path("root.pem"))
            .args(["-verify_return_error", "-ign_eof"]);
        command.args(args).current_dir(self.folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let asked = tokio::task::spawn_blocking(move || {
            let mut stdin = child.stdin.take().unwrap();
            // A client that has given up does not read it.
            _ = stdin.write_all(b"GET / HTTP/1.0\r\nHost: a.test\r\n\r\n");
            let output = child.wait_with_output().unwrap();
            [output.stdout, output.stderr].concat()
        });
        String::from_utf8_lossy(&asked.await.unwrap()).into_owned()
    }

    /// Starts `openssl s_server`, which answers each client with a page about itself.
    pub(crate) fn serve(&self, args: &[&str]) -> Server {
        let leaf = self.ca.leaf(&["a.test"], sidestream_testkit::Validity::Current);
        let certificate = pem("CERTIFICATE", &leaf.chain[0]);
        let key = pem("PRIVATE KEY", leaf.key.secret_der());
        std::fs::write(self.path("server.pem"), certificate + &key).unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = free.local_addr().unwrap();
        drop(free);
        let mut command = Command::new("openssl");
        command.args(["s_server", "-www", "-accept", &addr.to_string()]);
        command.arg("-cert").arg(self.path("server.pem")).args(args);
        command.current_dir(self.folder.path());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Server { child: child.spawn().unwrap(), addr };
        while std::net::TcpStream::connect(addr).is_err() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        server
    }
}

pub(crate) struct Server {
    child: Child,
    pub(crate) addr: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let mut child = Command::new("openssl")
        .args(["base64", "-e"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(der).unwrap();
    let text = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    format!("-----BEGIN {label}-----\n{text}-----END {label}-----\n")
}

/// Starts a server that says `ok`.
pub(crate) fn origin(config: rustls::ServerConfig) -> Origin {
    Origin::https(config, |_, wire| {
        wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")?;
        wire.close()
    })
}
