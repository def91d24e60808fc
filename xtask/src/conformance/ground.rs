//! Where a suite runs: directly or through Sidestream, with servers of its own on loopback.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::tools::{Tools, program};
use crate::command::{built, run as run_command};
use crate::workspace::Workspace;

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long one run of a suite may take, in the words of `timeout`.
const LIMIT: &str = "10m";
/// What names the trusted certificates to the clients that ask the environment.
const TRUST: [&str; 5] = [
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
];
/// Who would send clients past us.
const PROXIES: [&str; 6] =
    ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];

/// How a client reaches its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way<'a> {
    /// As it would anywhere.
    Direct,
    /// By `sidestream run`, with these options.
    Through(&'a [&'a str]),
}

/// What all suites share.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) tools: Tools,
    sidestream: PathBuf,
    folder: PathBuf,
}

/// What a program said.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A server that ends with its guard.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Ground {
    /// Builds Sidestream unless `SIDESTREAM_BIN` names one, and makes a folder with an authority for the servers.
    pub(crate) fn prepare(workspace: &Workspace) -> Result<Self> {
        let sidestream = match env::var_os("SIDESTREAM_BIN") {
            Some(path) => built(path.into())?,
            None => build(workspace)?,
        };
        let tools = workspace.target.join("conformance");
        let folder = tools.join("scratch");
        let _absent = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("home"))?;
        let ground = Self { tools: Tools::new(&workspace.root, &tools), sidestream, folder };
        ground.make_certificates()?;
        Ok(ground)
    }

    /// Gives a path in the folder of this run.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Makes an empty folder in that of this run.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.path(name);
        let _absent = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        Ok(folder)
    }

    /// A command that runs `program` one way, with a home of its own and the authority trusted.
    pub(crate) fn command(&self, way: Way<'_>, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("timeout");
        command.args(["--kill-after=10", LIMIT]);
        if let Way::Through(options) = way {
            command.arg(&self.sidestream).args(["run", "--quiet"]).args(options).arg("--");
        }
        command.arg(program).stdin(Stdio::null()).current_dir(&self.folder);
        self.surround(&mut command);
        command
    }

    /// A command that runs Sidestream itself, to be given to [`serve`](Self::serve).
    pub(crate) fn sidestream(&self) -> Command {
        Command::new(&self.sidestream)
    }

    fn surround(&self, command: &mut Command) {
        let authority = self.path("ca.pem");
        command.env("HOME", self.path("home")).env("NO_COLOR", "1");
        command.env("SIDESTREAM_CONFDIR", self.path("conf")).env("SIDESTREAM_CA", &authority);
        for name in TRUST {
            command.env(name, &authority);
        }
        for name in PROXIES {
            command.env_remove(name);
        }
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, command: &mut Command) -> Result<Ran> {
        let shown = format!("{:?}", command.get_args().last().unwrap_or_default());
        let output = command.output().with_context(|| format!("starting {shown}"))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Ran { stdout: text(&output.stdout), stderr: text(&output.stderr) })
    }

    /// Starts a server, and waits until its port answers.
    pub(crate) fn serve(&self, name: &str, port: u16, command: &mut Command) -> Result<Server> {
        let log = fs::File::create(self.path(&format!("{name}.log")))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.surround(command);
        let child = command.spawn().with_context(|| format!("starting {name}"))?;
        let mut server = Server { child, port };
        let since = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = server.child.try_wait()? {
                bail!("{name} ended with {status}: see {}", self.path(name).display());
            }
            ensure!(since.elapsed() < PATIENCE, "{name} does not listen on port {port}");
            sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// Starts nginx with `http` as what stands in its block of that name; `PORT` becomes the port.
    pub(crate) fn nginx(&self, name: &str, http: &str) -> Result<Server> {
        let nginx = program("nginx")?;
        let folder = self.folder(name)?;
        let port = free_port()?;
        let at = folder.display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {at}/{kind};"))
            .concat();
        let config = format!(
            "daemon off; master_process off; pid {at}/pid; error_log {at}/error.log;\n\
             events {{ worker_connections 1000; }}\n\
             http {{ access_log off; keepalive_requests 1000000; {temporary}\n{} }}\n",
            http.replace("PORT", &port.to_string())
        );
        let file = folder.join("nginx.conf");
        fs::write(&file, config)?;
        let mut command = Command::new(nginx);
        self.serve(name, port, command.arg("-p").arg(&folder).arg("-c").arg(&file))
    }

    /// An authority, and by it a certificate for this machine's loopback.
    fn make_certificates(&self) -> Result<()> {
        let config = "[req]\ndistinguished_name = name\n[name]\n\
            [root]\nbasicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign\n\
            subjectKeyIdentifier = hash\n\
            [leaf]\nbasicConstraints = critical, CA:FALSE\n\
            subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1\n\
            extendedKeyUsage = serverAuth\nkeyUsage = critical, digitalSignature\n";
        fs::write(self.path("openssl.cnf"), config)?;
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -config openssl.cnf -days 30";
        for words in [
            "-subj /CN=Conformance -extensions root -keyout ca.key -out ca.pem",
            "-subj /CN=localhost -extensions leaf -keyout leaf.key -out leaf.pem -CA ca.pem -CAkey ca.key",
        ] {
            let mut openssl = Command::new(program("openssl")?);
            openssl.args(["req", "-x509"]).args(key.split(' ')).args(words.split(' '));
            let output = openssl.current_dir(&self.folder).output()?;
            let said = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.success(), "openssl: {}", said.trim());
        }
        Ok(())
    }
}

impl Server {
    /// Waits until the server ends by itself.
    pub(crate) fn finish(mut self) -> Result<()> {
        let since = Instant::now();
        while self.child.try_wait()?.is_none() {
            ensure!(since.elapsed() < PATIENCE, "the server on port {} does not end", self.port);
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

fn build(workspace: &Workspace) -> Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--quiet", "--package", "sidestream-cli"]);
    run_command(cargo.current_dir(&workspace.root))?;
    built(workspace.target.join("debug/sidestream"))
}

/// Finds a port on which nobody listens.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Gives the first line that a program says of its version.
pub(crate) fn version(program: &Path, word: &str) -> Result<String> {
    let output = Command::new(program).arg(word).output()?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    Ok(said.lines().next().unwrap_or_default().trim().to_owned())
}
