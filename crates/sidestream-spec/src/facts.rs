//! What is known of a flow and of the process that made it.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;

/// A fact that may be known, known to be missing, or not known yet.
///
/// The last two are different answers: a process in no container has no container
/// ([`Absent`](Self::Absent)), one that was not looked at may have one ([`Unknown`](Self::Unknown)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fact<T> {
    /// There is no such thing: items that ask for it do not match.
    Absent,
    /// The fact.
    Known(T),
    /// Not looked up yet: items that ask for it stay open.
    #[default]
    Unknown,
}

impl<T> Fact<T> {
    /// Makes a fact of a finished look-up, where `None` says that there is nothing.
    pub fn or_absent(found: Option<T>) -> Self {
        found.map_or(Self::Absent, Self::Known)
    }

    /// Makes a fact of a look-up that may yet be done, where `None` says nothing.
    pub fn or_unknown(found: Option<T>) -> Self {
        found.map_or(Self::Unknown, Self::Known)
    }
}

impl<T> From<T> for Fact<T> {
    fn from(known: T) -> Self {
        Self::Known(known)
    }
}

impl<'a> From<&'a str> for Fact<&'a OsStr> {
    fn from(known: &'a str) -> Self {
        Self::Known(OsStr::new(known))
    }
}

impl<'a> From<&'a Path> for Fact<&'a OsStr> {
    fn from(known: &'a Path) -> Self {
        Self::Known(known.as_os_str())
    }
}

/// What is known of one flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts<'a> {
    /// The process that made the flow.
    pub process: ProcessFacts<'a>,
    /// Its ancestors, the parent first, as far as they exist.
    pub ancestors: Fact<&'a [ProcessFacts<'a>]>,
    /// The address and port that the flow goes to.
    pub destination: Fact<SocketAddr>,
    /// The name of the host that the flow goes to, from the TLS server name or a DNS answer.
    ///
    /// Absent once it is clear that no name will show up.
    pub host: Fact<&'a str>,
}

impl Facts<'_> {
    /// Facts of which nothing is left to find out: all are absent.
    ///
    /// A start for filling in what a finished look-up did find.
    pub const ABSENT: Self = Self {
        process: ProcessFacts::ABSENT,
        ancestors: Fact::Absent,
        destination: Fact::Absent,
        host: Fact::Absent,
    };
}

/// What is known of one process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessFacts<'a> {
    /// The process id.
    pub pid: Fact<u32>,
    /// The executable's name: the last part of its path, never the name that a thread gives itself.
    pub name: Fact<&'a OsStr>,
    /// The executable's path.
    pub path: Fact<&'a OsStr>,
    /// The user that it runs as.
    pub user: Fact<User<'a>>,
    /// The cgroup's path, from the root of the hierarchy: `/user.slice/app.scope`.
    pub cgroup: Fact<&'a OsStr>,
    /// The systemd unit that it belongs to: `getty@tty1.service`.
    pub unit: Fact<&'a str>,
    /// The container that it runs in.
    pub container: Fact<Container<'a>>,
}

impl<'a> ProcessFacts<'a> {
    /// A process of which nothing is left to find out: all facts are absent.
    pub const ABSENT: Self = Self {
        pid: Fact::Absent,
        name: Fact::Absent,
        path: Fact::Absent,
        user: Fact::Absent,
        cgroup: Fact::Absent,
        unit: Fact::Absent,
        container: Fact::Absent,
    };

    /// Sets the executable's path, and the name to its last part.
    ///
    /// A path that begins with `/` is split at `/`, any other one also at `\`, so that a path
    /// of Windows is understood on every system.
    #[must_use]
    pub fn with_path(self, path: &'a (impl AsRef<OsStr> + ?Sized)) -> Self {
        let path = path.as_ref();
        let name = Fact::Known(file_name(path));
        Self { path: Fact::Known(path), name, ..self }
    }
}

fn file_name(path: &OsStr) -> &OsStr {
    let Some(text) = path.to_str() else {
        // What is not Unicode can only be a path of this system, which knows how to split it.
        return Path::new(path).file_name().unwrap_or_default();
    };
    let separators: &[char] = if text.starts_with('/') { &['/'] } else { &['/', '\\'] };
    OsStr::new(text.rsplit(separators).next().unwrap_or_default())
}

/// The user that a process runs as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct User<'a> {
    /// The numeric id, where the system has one.
    pub uid: Option<u32>,
    /// The login name, where the id has one.
    pub name: Option<&'a str>,
}

/// The container that a process runs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Container<'a> {
    /// The full id.
    pub id: &'a str,
    /// The name that the runtime knows it by.
    pub name: Option<&'a str>,
    /// The image that it was made from, as it was named then.
    pub image: Option<&'a str>,
}
