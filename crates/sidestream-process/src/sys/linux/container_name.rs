//! What engines keep on disk of their containers: names and images.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sidestream_flow::Container;

/// The most of a description, or of a list of containers, that is read.
const MAX_LEN: u64 = 4 * 1024 * 1024;

/// Where Docker keeps its containers, as packages of it have it.
const DOCKER: [&str; 2] =
    ["/var/lib/docker/containers", "/var/snap/docker/common/var-lib-docker/containers"];

/// Where Podman keeps what it knows of root's containers, and below the home of a user of the
/// user's.
const PODMAN: &str = "/var/lib/containers/storage";
const PODMAN_OF_USER: &str = ".local/share/containers/storage";

/// What an engine knows a container by.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) name: Option<String>,
    pub(super) image: Option<String>,
    pub(super) runtime: Option<&'static str>,
}

/// What is used of Docker's description of a container.
#[derive(Deserialize)]
struct Description {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "Config", default)]
    config: Config,
}

#[derive(Default, Deserialize)]
struct Config {
    #[serde(rename = "Image")]
    image: Option<String>,
}

/// What is used of one container in Podman's list.
#[derive(Deserialize)]
struct Listed {
    id: String,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    metadata: String,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(rename = "image-name")]
    image: Option<String>,
}

/// Reads what the engine knows of the container of a process, as root can; `None` if that is
/// nothing.
pub(super) fn read(container: &Container, pid: u32, cgroup: Option<&Path>) -> Option<Known> {
    if !container.id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    match container.runtime.as_deref() {
        Some("docker") | None => docker(&container.id, pid),
        Some("podman") => podman(&container.id, cgroup),
        Some(_) => None,
    }
}

fn docker(id: &str, pid: u32) -> Option<Known> {
    let usual = DOCKER.into_iter().map(|folder| Path::new(folder).join(id));
    let mut folders = usual.chain(mounted_from(pid, id));
    folders.find_map(|folder| description(open(&folder.join("config.v2.json"))?))
}

fn open(path: &Path) -> Option<impl Read> {
    Some(BufReader::new(File::open(path).ok()?.take(MAX_LEN)))
}

fn description(text: impl Read) -> Option<Known> {
    let Description { name, config } = serde_json::from_reader(text).ok()?;
    // Docker keeps the name as a path below its root of links.
    let name = name.strip_prefix('/').unwrap_or(&name);
    let name = Some(name.to_owned()).filter(|name| !name.is_empty());
    Some(Known { name, image: config.image, runtime: Some("docker") })
}

/// Finds the folder of a container wherever an engine was told to keep it: some of its files are
/// mounted inside.
fn mounted_from(pid: u32, id: &str) -> Option<PathBuf> {
    let inside = fs::read(format!("/proc/{pid}/mountinfo")).ok()?;
    let part = format!("/containers/{id}/");
    let (device, below) = mounts(&inside).find_map(|mount| {
        let at = find(mount.root, part.as_bytes())?;
        Some((mount.device, &mount.root[..at + part.len() - 1]))
    })?;
    let here = fs::read("/proc/thread-self/mountinfo").ok()?;
    mounts(&here).filter(|mount| mount.device == device).find_map(|mount| {
        let root = mount.root.strip_suffix(b"/").unwrap_or(mount.root);
        let rest = below.strip_prefix(root)?.strip_prefix(b"/")?;
        let folder = Path::new(OsStr::from_bytes(mount.point)).join(OsStr::from_bytes(rest));
        folder.is_dir().then_some(folder)
    })
}

/// A line of `/proc/PID/mountinfo`; what of it has blanks is not understood.
struct Mount<'a> {
    device: &'a [u8],
    root: &'a [u8],
    point: &'a [u8],
}

fn mounts(text: &[u8]) -> impl Iterator<Item = Mount<'_>> {
    text.split(|&byte| byte == b'\n').filter_map(|line| {
        let mut fields = line.split(|&byte| byte == b' ').skip(2);
        Some(Mount { device: fields.next()?, root: fields.next()?, point: fields.next()? })
    })
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

fn podman(id: &str, cgroup: Option<&Path>) -> Option<Known> {
    let of_user = cgroup.and_then(owner).and_then(super::user::home);
    let of_user = of_user.map(|home| home.join(PODMAN_OF_USER));
    of_user.into_iter().chain([PODMAN.into()]).find_map(|storage| {
        // A folder for each kind of storage: `overlay-containers`, `vfs-containers`.
        let folders = fs::read_dir(storage).ok()?.flatten();
        let mut folders =
            folders.filter(|entry| entry.file_name().as_encoded_bytes().ends_with(b"-containers"));
        folders.find_map(|folder| {
            ["containers.json", "volatile-containers.json"]
                .into_iter()
                .find_map(|list| listed(open(&folder.path().join(list))?, id))
        })
    })
}

fn listed(text: impl Read, id: &str) -> Option<Known> {
    let all: Vec<Listed> = serde_json::from_reader(text).ok()?;
    let Listed { names, metadata, .. } = all.into_iter().find(|one| one.id == id)?;
    let Metadata { image } = serde_json::from_str(&metadata).unwrap_or_default();
    Some(Known { name: names.into_iter().next(), image, runtime: Some("podman") })
}

/// Finds the user below whose services a control group is: `…/user@1000.service/…`.
fn owner(cgroup: &Path) -> Option<u32> {
    cgroup.components().find_map(|part| {
        let name = part.as_os_str().to_str()?;
        name.strip_prefix("user@")?.strip_suffix(".service")?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Known, description, find, listed, mounts, owner};

    fn known(runtime: &'static str, name: &str, image: &str) -> Known {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Known { name: some(name), image: some(image), runtime: Some(runtime) }
    }

    #[test]
    fn docker_keeps_names_behind_a_slash() {
        let text = r#"{"ID":"3f67","Name":"/web-1","Config":{"Image":"nginx:1.27"},"State":{}}"#;
        assert_eq!(description(text.as_bytes()), Some(known("docker", "web-1", "nginx:1.27")));
        assert_eq!(description(&br#"{"Name":"/"}"#[..]), Some(known("docker", "", "")));
        for none in ["", "{", "{}", r#"{"Name":7}"#] {
            assert_eq!(description(none.as_bytes()), None, "{none}");
        }
    }

    #[test]
    fn podman_keeps_a_list() {
        let text = r#"[{"id":"aa","names":["db"]},{"id":"bb","names":["web"],"image":"77ff",
            "metadata":"{\"image-name\":\"docker.io/library/nginx:latest\",\"name\":\"web\"}"}]"#;
        let web = known("podman", "web", "docker.io/library/nginx:latest");
        assert_eq!(listed(text.as_bytes(), "bb"), Some(web));
        assert_eq!(listed(text.as_bytes(), "aa"), Some(known("podman", "db", "")));
        assert_eq!(listed(text.as_bytes(), "cc"), None);
        for none in ["", "[", "{}", r#"[{"id":7}]"#] {
            assert_eq!(listed(none.as_bytes(), "aa"), None, "{none}");
        }
    }

    #[test]
    fn mounts_tell_from_where_they_are() {
        let text = b"611 580 0:22 / /proc rw - proc proc rw\n\
            612 580 254:0 /data/containers/ab/hostname /etc/hostname rw - ext4 /dev/vda rw\nodd\n";
        let found: Vec<_> = mounts(text).map(|it| (it.device, it.root, it.point)).collect();
        let hostname = &b"/data/containers/ab/hostname"[..];
        assert_eq!(found[1], (&b"254:0"[..], hostname, &b"/etc/hostname"[..]));
        assert_eq!(found.len(), 2);
        assert_eq!(find(hostname, b"/containers/ab/"), Some(5));
        assert_eq!(find(b"", b"/"), None);
    }

    #[test]
    fn a_user_is_known_by_the_services_below_which_a_group_is() {
        let path = "/user.slice/user-7.slice/user@1000.service/user.slice/libpod-a.scope";
        assert_eq!(owner(Path::new(path)), Some(1000));
        assert_eq!(owner(Path::new("/machine.slice/libpod-a.scope")), None);
    }
}
