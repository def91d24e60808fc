//! What programs need without naming it: modules, configuration, certificates, users.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::Closure;

/// Folders that everything expects, and who may do what in them.
const FOLDERS: [(&str, u32); 16] = [
    ("dev", 0o755),
    ("etc", 0o755),
    ("home", 0o755),
    ("mnt", 0o755),
    ("proc", 0o755),
    ("root", 0o700),
    ("run", 0o755),
    ("run/lock", 0o1777),
    ("sys", 0o755),
    ("tmp", 0o1777),
    ("usr/bin", 0o755),
    ("usr/sbin", 0o755),
    ("var/cache", 0o755),
    ("var/lib", 0o755),
    ("var/log", 0o755),
    ("var/tmp", 0o1777),
];

const PASSWD: &str = "\
root:x:0:0:root:/root:/bin/sh
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
lab:x:1000:1000:lab:/home/lab:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
";

const GROUP: &str = "\
root:x:0:
www-data:x:33:
lab:x:1000:
nogroup:x:65534:
";

const NSSWITCH: &str = "\
passwd: files
group: files
hosts: files dns
services: files
protocols: files
";

const HOSTS: &str = "\
127.0.0.1 localhost
::1 localhost ip6-localhost
";

/// Libraries that the C library opens by itself, and only then.
const OPENED: [&str; 3] = ["libgcc_s.so.1", "libnss_dns.so.2", "libnss_files.so.2"];

/// What is taken from this machine's folders as it is, where there is any.
const SHARED: [&str; 7] = [
    "/etc/ld.so.cache",
    "/etc/protocols",
    "/etc/services",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/openssl.cnf",
    "/usr/lib/ssl/cert.pem",
    "/usr/lib/ssl/openssl.cnf",
];

/// Tells what a Python has loaded once it can do all that clients do.
const PYTHON: &str = r"
import importlib, pkgutil, sys
wanted = '''argparse asyncio base64 calendar codecs collections concurrent.futures.thread contextlib
ctypes datetime email.message encodings.ascii encodings.idna encodings.latin_1 functools getpass
hashlib http.client http.server inspect io itertools json locale logging os pathlib platform queue
random re select selectors shlex shutil signal socket socketserver ssl string struct subprocess sys
tempfile textwrap threading time traceback typing unicodedata urllib.error urllib.parse
urllib.request uuid warnings zlib'''.split()
for name in wanted:
    importlib.import_module(name)
try:
    import websockets
    for module in pkgutil.walk_packages(websockets.__path__, 'websockets.'):
        if not module.name.endswith('__main__'):
            importlib.import_module(module.name)
except ImportError:
    pass
files = set()
for module in list(sys.modules.values()):
    spec = getattr(module, '__spec__', None)
    for file in (getattr(module, '__file__', None), getattr(spec, 'cached', None)):
        if file:
            files.add(file)
print('\n'.join(sorted(files)))
";

/// Adds what every userland needs.
pub(super) fn base(closure: &mut Closure) -> Result<()> {
    // First, so that those which are links here become links there.
    for folder in ["/bin", "/sbin", "/lib", "/lib64"] {
        if_here(closure, folder)?;
    }
    FOLDERS.iter().for_each(|(folder, mode)| closure.folder(folder, *mode));
    for (name, text) in
        [("passwd", PASSWD), ("group", GROUP), ("nsswitch.conf", NSSWITCH), ("hosts", HOSTS)]
    {
        closure.file(&format!("etc/{name}"), 0o644, text);
    }
    for shared in SHARED {
        if_here(closure, shared)?;
    }
    for library in OPENED {
        if let Some(path) = closure.loader.library(library) {
            closure.path(&path)?;
        }
    }
    Ok(())
}

/// Adds what a program needs.
pub(super) fn of(closure: &mut Closure, program: &str, found: &Path) -> Result<()> {
    let name = Path::new(program).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    match name {
        "java" => java(closure, found),
        "nginx" => {
            closure.folder("var/log/nginx", 0o755);
            closure.folder("var/lib/nginx", 0o755);
            if_here(closure, "/etc/nginx/mime.types")
        }
        "ip" => {
            if_here(closure, "/etc/iproute2/rt_tables")?;
            if_here(closure, "/usr/share/iproute2/rt_tables")
        }
        name if name.starts_with("python3") => python(closure, found),
        _ => Ok(()),
    }
}

fn if_here(closure: &mut Closure, path: &str) -> Result<()> {
    let path = Path::new(path);
    if path.exists() {
        closure.path(path)?;
    }
    Ok(())
}

/// A Java is a folder: its programs find the rest from where they are.
fn java(closure: &mut Closure, found: &Path) -> Result<()> {
    let real = std::fs::canonicalize(found)?;
    let home = real.ancestors().nth(2).context("a java outside of a home")?;
    closure.tree(home, &["demo", "jmods", "legal", "man", "src.zip"])
}

fn python(closure: &mut Closure, found: &Path) -> Result<()> {
    let mut command = Command::new(found);
    command.args(["-c", PYTHON]).env_remove("PYTHONPATH").env_remove("PYTHONHOME");
    let output = command.output().with_context(|| format!("asking {}", found.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} lacks a module: {said}", found.display());
    for file in String::from_utf8(output.stdout)?.lines() {
        if_here(closure, file)?;
    }
    Ok(())
}
