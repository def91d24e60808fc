//! The folder with the server's keys and its clients'.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use sidestream::wireguard::{Config, Endpoint, Interface, Prefix, PresharedKey, PrivateKey};

use super::WireguardError;
use super::client::{Client, compose};
use crate::whole::{self, Unfinished};

/// The server's file; every other one is a client's.
const SERVER: &str = "server.conf";
/// Addresses of nobody's network that are likely to be free (RFC 1918, RFC 4193).
const ADDRESSES: [&str; 2] = ["10.83.100.1/24", "fd73:6473:8310::1/64"];
const HEAD: &str =
    "# Sidestream's WireGuard server. The other files of this folder are its clients.\n";

/// The folder with the server's keys and its clients'. Files are made whole and for their owner
/// alone, and no key is ever written over.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// Names the folder, within that of the configuration; nothing is touched.
    ///
    /// # Errors
    ///
    /// No folder is known.
    pub fn new(confdir: Option<&Path>) -> Result<Self, WireguardError> {
        let folder = confdir.ok_or(WireguardError::NoFolder)?.join("wireguard");
        Ok(Self { folder: std::path::absolute(&folder).unwrap_or(folder) })
    }

    /// Returns the server's file.
    pub fn server_path(&self) -> PathBuf {
        self.folder.join(SERVER)
    }

    /// Removes what a killed process has left unfinished.
    pub fn sweep(&self) {
        drop(whole::sweep(&self.folder));
    }

    /// Reads the server's keys, or makes them.
    ///
    /// # Errors
    ///
    /// The folder cannot be written, or what lies in it is something else.
    pub fn server(&self) -> Result<Config, WireguardError> {
        let path = self.server_path();
        self.sweep();
        if let Some(text) = read(&path)? {
            return parse(&path, &text);
        }
        let addresses = ADDRESSES.map(|address| address.parse::<Prefix>().expect("a range"));
        let mut interface = Interface::new(PrivateKey::generate()?);
        interface.addresses = addresses.into();
        let config = Config { interface, peers: Vec::new() };
        self.make_folder()?;
        match self.put(&path, &format!("{HEAD}{config}")) {
            Ok(()) => Ok(config),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // Another process was faster; its keys are the ones.
                let text = fs::read_to_string(&path);
                let text = text.map_err(|source| not_readable(&path, source))?;
                parse(&path, &text)
            }
            Err(source) => Err(WireguardError::NotWritable { path, source }),
        }
    }

    /// Reads the clients, in the order of their names.
    ///
    /// # Errors
    ///
    /// A file is something else than a client, or two are the same.
    pub fn clients(&self, server: &Interface) -> Result<Vec<Client>, WireguardError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(not_readable(&self.folder, source)),
        };
        let paths = entries.flatten().map(|entry| entry.path());
        let is_client = |path: &PathBuf| {
            let is_file_name = |name: &std::ffi::OsStr| name != SERVER;
            path.extension().is_some_and(|extension| extension == "conf")
                && path.file_name().is_some_and(is_file_name)
        };
        let mut paths: Vec<_> = paths.filter(is_client).collect();
        paths.sort();
        let mut clients = Vec::with_capacity(paths.len());
        for path in paths {
            let text = fs::read_to_string(&path);
            let text = text.map_err(|source| not_readable(&path, source))?;
            clients.push(Client::read(&path, text, server)?);
        }
        check_twins(&clients)?;
        Ok(clients)
    }

    /// Makes a client with the next addresses that are free.
    ///
    /// # Errors
    ///
    /// The name is taken or none, no address is free, or the folder cannot be written.
    pub fn add(
        &self,
        name: &str,
        endpoint: Endpoint,
        psk: Option<PresharedKey>,
    ) -> Result<Client, WireguardError> {
        let path = self.client_path(name)?;
        let Config { interface, .. } = self.server()?;
        // Two that add at once shall not choose the same address.
        let lock = File::open(self.server_path()).and_then(|file| file.lock().map(|()| file));
        let _lock = lock.map_err(|source| not_readable(&self.server_path(), source))?;
        let clients = self.clients(&interface)?;
        let addresses = self.free_addresses(&interface, &clients)?;
        let text = compose(&interface, &addresses, endpoint, psk)?;
        match self.put(&path, &text) {
            Ok(()) => Client::read(&path, text, &interface),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(WireguardError::Taken { name: name.to_owned() })
            }
            Err(source) => Err(WireguardError::NotWritable { path, source }),
        }
    }

    /// Finds a client.
    ///
    /// # Errors
    ///
    /// There is none of that name, or its file is something else.
    pub fn client(&self, name: &str) -> Result<Client, WireguardError> {
        let unknown = || WireguardError::Unknown { name: name.to_owned() };
        let path = self.client_path(name)?;
        let text = read(&path)?.ok_or_else(unknown)?;
        let server = read(&self.server_path())?.ok_or_else(unknown)?;
        Client::read(&path, text, &parse(&self.server_path(), &server)?.interface)
    }

    /// Forgets a client, whatever its file holds.
    ///
    /// # Errors
    ///
    /// There is none of that name.
    pub fn remove(&self, name: &str) -> Result<(), WireguardError> {
        let path = self.client_path(name)?;
        fs::remove_file(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => WireguardError::Unknown { name: name.to_owned() },
            _ => WireguardError::NotWritable { path, source },
        })
    }

    /// Has a client find the server there, unless somebody chose a name for it.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn point(&self, client: Client, to: &Endpoint) -> Result<Client, WireguardError> {
        let Some(text) = client.pointed_to(to) else { return Ok(client) };
        let path = client.path.clone();
        let write = || -> io::Result<()> {
            Unfinished::write(&self.folder, text.as_bytes())?.replace(&path)
        };
        write().map_err(|source| WireguardError::NotWritable { path: path.clone(), source })?;
        let config = parse(&path, &text)?;
        Ok(Client { text, config, ..client })
    }

    fn client_path(&self, name: &str) -> Result<PathBuf, WireguardError> {
        let of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_=+.-".contains(&byte);
        let is_name = (1..=15).contains(&name.len()) && name.bytes().all(of_name);
        let is_taken = name.eq_ignore_ascii_case("server") || name.starts_with(['.', '-']);
        if !is_name || is_taken {
            return Err(WireguardError::Name { name: name.to_owned() });
        }
        Ok(self.folder.join(format!("{name}.conf")))
    }

    /// Finds an address in each of the server's ranges that nobody has.
    fn free_addresses(
        &self,
        server: &Interface,
        clients: &[Client],
    ) -> Result<Vec<IpAddr>, WireguardError> {
        if server.addresses.is_empty() {
            return Err(WireguardError::NoAddress { path: self.server_path() });
        }
        let of_clients = clients.iter().flat_map(|client| &client.config.interface.addresses);
        let taken: Vec<_> =
            of_clients.chain(&server.addresses).map(|prefix| prefix.address()).collect();
        let free = |range: &Prefix| {
            let found = (1..=1 << 16).map(|index| nth(range, index));
            let mut found = found.take_while(Option::is_some).flatten();
            found.find(|ip| !taken.contains(ip))
        };
        let found: Option<Vec<_>> = server.addresses.iter().map(free).collect();
        found.ok_or_else(|| WireguardError::Full { path: self.server_path() })
    }

    fn make_folder(&self) -> Result<(), WireguardError> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        let path = self.folder.clone();
        builder.create(&path).map_err(|source| WireguardError::NotWritable { path, source })
    }

    /// Puts a file where it belongs, whole or not at all, unless there is one already.
    fn put(&self, path: &Path, text: &str) -> io::Result<()> {
        Unfinished::write(&self.folder, text.as_bytes())?.put(path)
    }
}

/// Returns the address so far behind the beginning of a range, save the last one, which is for all.
fn nth(range: &Prefix, index: u32) -> Option<IpAddr> {
    let is_in =
        |ip: IpAddr, next: IpAddr| (range.contains(ip) && range.contains(next)).then_some(ip);
    match range.masked().address() {
        IpAddr::V4(base) => {
            let ip = base.to_bits().checked_add(index)?;
            is_in(IpAddr::V4(ip.into()), IpAddr::V4(ip.checked_add(1)?.into()))
        }
        IpAddr::V6(base) => {
            let ip = base.to_bits().checked_add(index.into())?;
            is_in(IpAddr::V6(ip.into()), IpAddr::V6(ip.checked_add(1)?.into()))
        }
    }
}

fn check_twins(clients: &[Client]) -> Result<(), WireguardError> {
    let (mut keys, mut addresses) = (BTreeMap::new(), BTreeMap::new());
    for client in clients {
        let peer = client.as_peer();
        let key = keys.insert(peer.public_key, &client.path).map(|one| (one, "key"));
        let mut twins = peer.allowed_ips.into_iter().filter_map(|prefix| {
            addresses.insert(prefix, &client.path).map(|one| (one, "address"))
        });
        if let Some((one, what)) = key.or_else(|| twins.next()) {
            let (one, other) = (one.clone(), client.path.clone());
            return Err(WireguardError::Twins { one, other, what });
        }
    }
    Ok(())
}

/// Reads a configuration of the user's own.
///
/// # Errors
///
/// It cannot be read, or is something else.
pub fn read_config(path: &Path) -> Result<Config, WireguardError> {
    let text = fs::read_to_string(path).map_err(|source| not_readable(path, source))?;
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<Config, WireguardError> {
    text.parse().map_err(|source| WireguardError::NotAConfig { path: path.to_owned(), source })
}

/// Reads a file; `None` if there is none.
fn read(path: &Path) -> Result<Option<String>, WireguardError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(not_readable(path, source)),
    }
}

fn not_readable(path: &Path, source: io::Error) -> WireguardError {
    WireguardError::NotReadable { path: path.to_owned(), source }
}
