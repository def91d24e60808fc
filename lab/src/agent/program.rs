//! Servers of the machine, with configurations of our own.

use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::words::{Refusal, Serving};

/// How long a server may take until it listens; only a failing trial waits so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// What pages of programs say.
const PAGE: &str = "hello from the origin\n";

/// A server that runs until it is dropped.
#[derive(Debug)]
pub(super) struct Program(Child);

impl Program {
    /// Starts it and waits until it listens.
    pub(super) fn start(name: &str, serving: &Serving, folder: &Path) -> Result<Self> {
        let folder = folder.join(format!("{name}-{}", serving.serve.port));
        fs::create_dir_all(&folder).context("making a folder")?;
        let (args, is_udp) = match name {
            "nginx" => (nginx(serving, &folder)?, false),
            "dnsmasq" => (dnsmasq(serving, &folder)?, true),
            other => bail!("{other} is no server that the lab knows"),
        };
        let mut command = Command::new(name);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let child = command
            .spawn()
            .map_err(|error| Refusal::missing(name, format!("cannot start {name}: {error}")))?;
        let mut program = Self(child);
        program
            .await_port(serving.serve.port, is_udp)
            .with_context(|| format!("starting {name}"))?;
        Ok(program)
    }

    fn await_port(&mut self, port: u16, is_udp: bool) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        while !listens(port, is_udp) {
            if let Some(status) = self.0.try_wait().context("waiting for it")? {
                let mut words = String::new();
                // What it said is all there; without it there is still how it ended.
                _ = self.0.stderr.take().map(|mut stderr| stderr.read_to_string(&mut words));
                bail!("{status}: {}", words.trim());
            }
            if Instant::now() > until {
                bail!("it does not listen after {PATIENCE:?}");
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Else it has ended already.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// Tells whether somebody has the port: for UDP, whether nobody else can take it.
fn listens(port: u16, is_udp: bool) -> bool {
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    if is_udp { UdpSocket::bind(addr).is_err() } else { TcpStream::connect(addr).is_ok() }
}

/// Writes a configuration with one page for all paths.
fn nginx(serving: &Serving, folder: &Path) -> Result<Vec<String>> {
    let port = serving.serve.port;
    fs::create_dir_all(folder.join("pages"))?;
    fs::write(folder.join("pages/index.txt"), PAGE)?;
    let (mut kind, mut tls) = (String::new(), String::new());
    if let Some(identity) = &serving.identity {
        let pem = |label: &str, der: &[u8]| pem::encode(&pem::Pem::new(label, der));
        fs::write(folder.join("cert.pem"), pem("CERTIFICATE", &identity.certificate))?;
        fs::write(folder.join("key.pem"), pem("PRIVATE KEY", &identity.key))?;
        " ssl http2".clone_into(&mut kind);
        "ssl_certificate cert.pem; ssl_certificate_key key.pem;".clone_into(&mut tls);
    }
    let as_root = if is_root() { "user root;" } else { "" };
    let config = format!(
        "daemon off; master_process off; {as_root} pid nginx.pid; error_log stderr;\n\
         events {{}}\n\
         http {{ access_log off; default_type text/plain; server_tokens off; etag off;\n\
         client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3;\n\
         uwsgi_temp_path t4; scgi_temp_path t5; {tls}\n\
         server {{ listen {port}{kind}; listen [::]:{port}{kind}; server_name {host};\n\
         root pages; add_header Last-Modified \"\"; location / {{ try_files /index.txt =404; }} }}\n}}\n",
        host = serving.host,
    );
    fs::write(folder.join("nginx.conf"), config)?;
    let folder = folder.display().to_string();
    Ok(vec![
        "-p".into(),
        folder.clone(),
        "-e".into(),
        "stderr".into(),
        "-c".into(),
        format!("{folder}/nginx.conf"),
    ])
}

/// Knows the hosts of the lab, and nothing of the world.
fn dnsmasq(serving: &Serving, folder: &Path) -> Result<Vec<String>> {
    let lines = serving
        .names
        .iter()
        .flat_map(|(name, addrs)| addrs.iter().map(move |addr| format!("{addr} {name}\n")));
    let hosts = folder.join("hosts");
    fs::write(&hosts, lines.collect::<String>())?;
    let args = [
        // Without a change of user, which a user namespace does not allow.
        "--no-daemon",
        "--conf-file=/dev/null",
        "--no-hosts",
        "--no-resolv",
        "--bind-interfaces",
        "--pid-file=",
    ];
    let mut args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    args.push(format!("--port={}", serving.serve.port));
    args.push(format!("--addn-hosts={}", hosts.display()));
    Ok(args)
}

fn is_root() -> bool {
    sidestream_testkit::is_root()
}
