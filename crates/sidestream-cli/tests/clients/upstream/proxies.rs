//! Proxies that others wrote: squid for HTTP, microsocks and dante for SOCKS5.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// A proxy at work.
pub(super) struct Running {
    child: Child,
    pub(super) addr: SocketAddr,
    pub(super) folder: TempDir,
}

impl Running {
    /// Starts a program that will listen there.
    fn start(mut command: Command, addr: SocketAddr, folder: TempDir) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        for _ in 0..600 {
            if TcpStream::connect(addr).is_ok() {
                return Self { child, addr, folder };
            }
            assert!(child.try_wait().unwrap().is_none(), "it ended: {command:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("it does not listen: {command:?}")
    }

    /// Reads what it has logged.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("access.log")).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Squid has children of its own, which end with it if it is asked.
        let pid = self.child.id().to_string();
        _ = Command::new("kill").args(["-TERM", &pid]).status();
        for _ in 0..200 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// A folder that whoever the proxy becomes can write to.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    folder
}

fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Starts squid as Debian configures it: CONNECT leads to one port alone, and everywhere else go
/// requests. With `me:secret` for those who have to say it, and TLS for itself.
pub(super) fn squid(
    squid: &Path,
    secure: u16,
    with_password: bool,
    tls: Option<(&Path, &Path)>,
) -> Running {
    let (folder, addr) = (folder(), free_port());
    let dir = folder.path().display();
    let port = match tls {
        None => format!("http_port {addr}"),
        Some((cert, key)) => {
            let (cert, key) = (cert.display(), key.display());
            format!("https_port {addr} tls-cert={cert} tls-key={key}")
        }
    };
    let mut config = format!(
        "{port}\nvisible_hostname proxy.test\npid_filename {dir}/pid\ncache deny all\n\
         access_log stdio:{dir}/access.log\nlogfile_rotate 0\nbuffered_logs off\n\
         cache_log {dir}/cache.log\ncoredump_dir {dir}\nshutdown_lifetime 0 seconds\n\
         acl secure port {secure}\nacl CONNECT method CONNECT\n\
         http_access deny CONNECT !secure\n"
    );
    if with_password {
        // `me:secret`, by openssl passwd -apr1.
        let hash = Command::new("openssl").args(["passwd", "-apr1", "secret"]).output().unwrap();
        let hash = String::from_utf8(hash.stdout).unwrap();
        let file = folder.path().join("users");
        std::fs::write(&file, format!("me:{hash}")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        config += &format!(
            "auth_param basic program /usr/lib/squid/basic_ncsa_auth {}\n\
             acl known proxy_auth REQUIRED\nhttp_access deny !known\n",
            file.display()
        );
    }
    config += "http_access allow all\n";
    let path = folder.path().join("squid.conf");
    std::fs::write(&path, config).unwrap();
    let mut command = Command::new(squid);
    command.arg("-N").arg("-f").arg(&path);
    Running::start(command, addr, folder)
}

/// Starts microsocks, which relays no datagrams; it wants `me:secret` if it wants a password.
pub(super) fn microsocks(microsocks: &Path, with_password: bool) -> Running {
    let addr = free_port();
    let mut command = Command::new(microsocks);
    command.args(["-i", "127.0.0.1", "-p", &addr.port().to_string()]);
    if with_password {
        command.args(["-u", "me", "-P", "secret"]);
    }
    Running::start(command, addr, folder())
}

/// Starts dante, which relays datagrams.
pub(super) fn dante(danted: &Path) -> Running {
    let (folder, addr) = (folder(), free_port());
    let config = format!(
        "logoutput: {}/access.log\ninternal: 127.0.0.1 port = {}\nexternal: lo\n\
         socksmethod: none\nclientmethod: none\n\
         client pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}\n\
         socks pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 log: connect }}\n",
        folder.path().display(),
        addr.port()
    );
    let path = folder.path().join("danted.conf");
    std::fs::write(&path, config).unwrap();
    let mut command = Command::new(danted);
    command.arg("-f").arg(&path).arg("-p").arg(folder.path().join("pid"));
    Running::start(command, addr, folder)
}

/// Makes a certificate for localhost that is its own authority, and its key.
pub(super) fn certificate(folder: &Path) -> (PathBuf, PathBuf) {
    let (cert, key) = (folder.join("proxy.pem"), folder.join("proxy.key"));
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]);
    command.args(["-nodes", "-days", "2", "-subj", "/CN=localhost"]);
    command.args(["-addext", "subjectAltName=DNS:localhost"]);
    command.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    command.arg("-out").arg(&cert).arg("-keyout").arg(&key);
    assert!(command.output().unwrap().status.success());
    for path in [&cert, &key] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    (cert, key)
}
