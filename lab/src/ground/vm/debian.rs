//! Makes the Debian box out of Debian's packages: no image is downloaded, nothing is mounted on
//! this machine, and no loop device is needed.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use super::{boxes, needs, vagrant};

const SUITE: &str = "bookworm";

/// What makes a system of it; what trials need comes from the machine's own list.
const PACKAGES: [&str; 10] = [
    "dbus",
    "gzip",
    "initramfs-tools",
    "linux-image-cloud-amd64",
    "openssh-server",
    "sudo",
    "systemd-sysv",
    "tar",
    "udev",
    "zstd",
];

/// The list of what trials need.
const MACHINE: &str = include_str!("../../../../vagrant/provision/debian.packages");

/// What is left out of every package.
const EXCLUDED: [&str; 3] = ["/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/man/*"];

/// Makes of the packages what Vagrant can use.
const CUSTOMIZE: &str = include_str!("customize.sh");

/// The size of the disk.
const GIBIBYTES: u32 = 3;

/// What goes into a box, in this order.
pub(super) const FILES: [&str; 5] =
    ["metadata.json", "Vagrantfile", "vmlinuz", "initrd.img", "box.img"];

const VAGRANTFILE: &str = r#"Vagrant.configure("2") do |config|
  config.ssh.username = "vagrant"
  config.vm.provider(:libvirt) do |libvirt|
    # The kernel lies beside the disk, which needs no boot loader then.
    libvirt.kernel = File.join(__dir__, "vmlinuz")
    libvirt.initrd = File.join(__dir__, "initrd.img")
    libvirt.cmd_line = "root=/dev/vda rw console=ttyS0 net.ifnames=0 mitigations=off"
  end
end
"#;

/// Makes the box, adds it to the lab's Vagrant, and returns where it is.
pub(super) fn make(lab: &Path, say: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    needs::for_box()?;
    let folder = lab.join("box");
    fs::create_dir_all(&folder)?;
    // Two at once would be one too many; and what a killed one left goes first.
    let lock = File::create(folder.join("lock"))?;
    lock.lock()?;
    let work = folder.join("work");
    if work.exists() {
        fs::remove_dir_all(&work)?;
        say("removed what a killed lab had left of a box");
    }
    fs::create_dir(&work)?;
    let mut step = |what: &str, run: &mut dyn FnMut() -> Result<()>| {
        let started = Instant::now();
        run().with_context(|| what.to_owned())?;
        say(&format!("{what}: {:.1} s", started.elapsed().as_secs_f64()));
        anyhow::Ok(())
    };
    let (root, content) = (work.join("root"), work.join("content"));
    fs::create_dir(&content)?;
    let made = folder.join("debian12.box");
    let log = folder.join("debian12.log");
    step("installing the packages", &mut || bootstrap(&root, &key(lab, &work)?, &log))?;
    step("making the disk", &mut || disk(&root, &content))?;
    step("packing the box", &mut || pack(&content, &made))?;
    step("adding it to Vagrant", &mut || add(&made, lab, &work))?;
    fs::remove_dir_all(&work)?;
    say(&format!("the box {} is in {}", boxes::name("debian"), made.display()));
    Ok(made)
}

/// The public half of the key that every Vagrant has, and every new machine expects.
fn key(lab: &Path, data: &Path) -> Result<String> {
    let mut list = Command::new("vagrant");
    vagrant::environment(&mut list, lab, data);
    // Any verb puts the key into Vagrant's home.
    vagrant::said(list.args(["box", "list"]), "vagrant box list")?;
    let private = vagrant::home(lab).join("insecure_private_key");
    let mut keygen = Command::new("ssh-keygen");
    Ok(vagrant::said(keygen.arg("-yf").arg(private), "ssh-keygen")?.trim().to_owned())
}

/// Installs the system into a folder, in namespaces that hold what is mounted meanwhile.
fn bootstrap(root: &Path, key: &str, log: &Path) -> Result<()> {
    let packages = PACKAGES.into_iter().chain(machine_packages());
    let include = packages.collect::<Vec<_>>().join(",");
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    command.args(["--propagation", "private", "mmdebstrap", "--variant=apt", "--mode=root"]);
    command.arg(format!("--include={include}"));
    for path in EXCLUDED {
        command.arg(format!("--dpkgopt=path-exclude={path}"));
    }
    command.arg("--dpkgopt=force-unsafe-io");
    // The hook's words become a shell's; the root is its first.
    command.arg(format!("--customize-hook={CUSTOMIZE}"));
    command.arg(SUITE).arg(root).env("LAB_KEY", key).env("LC_ALL", "C.UTF-8");
    command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    fs::write(log, "")?;
    vagrant::logged(&mut command, "mmdebstrap", log)
}

fn machine_packages() -> impl Iterator<Item = &'static str> {
    MACHINE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Makes of a folder a disk with one file system, and takes the kernel out.
fn disk(root: &Path, content: &Path) -> Result<()> {
    take_newest(&root.join("boot"), "vmlinuz-", &content.join("vmlinuz"))?;
    take_newest(&root.join("boot"), "initrd.img-", &content.join("initrd.img"))?;
    let raw = content.join("raw");
    let mut mke2fs = Command::new("mke2fs");
    mke2fs.args(["-q", "-F", "-t", "ext4", "-d"]).arg(root).arg(&raw);
    mke2fs.arg(format!("{GIBIBYTES}G")).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    vagrant::said(&mut mke2fs, "mke2fs")?;
    let mut convert = Command::new("qemu-img");
    convert.args(["convert", "-O", "qcow2"]).arg(&raw).arg(content.join("box.img"));
    vagrant::said(&mut convert, "qemu-img")?;
    fs::remove_file(raw)?;
    fs::write(content.join("Vagrantfile"), VAGRANTFILE)?;
    fs::write(content.join("metadata.json"), metadata())?;
    Ok(())
}

/// What the provider wants to know of the disk.
fn metadata() -> String {
    serde_json::json!({ "provider": "libvirt", "format": "qcow2", "virtual_size": GIBIBYTES })
        .to_string()
}

fn take_newest(folder: &Path, prefix: &str, to: &Path) -> Result<()> {
    let names = fs::read_dir(folder)?.flatten().map(|entry| entry.file_name());
    let names = names.filter(|name| name.to_string_lossy().starts_with(prefix));
    let newest = names.max().with_context(|| format!("no {prefix}* in the packages"))?;
    fs::copy(folder.join(newest), to)?;
    Ok(())
}

/// Packs the files of a box.
fn pack(content: &Path, to: &Path) -> Result<()> {
    let part = to.with_extension("part");
    let mut archive = tar::Builder::new(File::create(&part)?);
    for name in FILES {
        archive.append_path_with_name(content.join(name), name)?;
    }
    archive.into_inner()?.sync_all()?;
    Ok(fs::rename(part, to)?)
}

fn add(made: &Path, lab: &Path, data: &Path) -> Result<()> {
    let mut command = Command::new("vagrant");
    vagrant::environment(&mut command, lab, data);
    command.args(["box", "add", "--force", "--name", &boxes::name("debian")]).arg(made);
    vagrant::said(&mut command, "vagrant box add").map(drop)
}

/// Reads the description of a box that was made.
///
/// # Errors
///
/// When it cannot be read, or lacks one of its files.
pub fn read_metadata(made: &Path) -> Result<serde_json::Value> {
    let mut metadata = String::new();
    let mut wanted: Vec<&str> = FILES.to_vec();
    for entry in tar::Archive::new(File::open(made)?).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        wanted.retain(|name| Path::new(name) != path);
        if path == Path::new("metadata.json") {
            entry.read_to_string(&mut metadata)?;
        }
    }
    anyhow::ensure!(wanted.is_empty(), "{} lacks {wanted:?}", made.display());
    Ok(serde_json::from_str(&metadata)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_box_has_all_its_files_and_says_what_its_disk_is() {
        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("a.box");
        for name in FILES {
            fs::write(folder.path().join(name), name).unwrap();
        }
        fs::write(folder.path().join("metadata.json"), metadata()).unwrap();
        pack(folder.path(), &made).unwrap();
        let metadata = read_metadata(&made).unwrap();
        assert_eq!(metadata["provider"], "libvirt");
        assert_eq!(metadata["format"], "qcow2");
    }

    #[test]
    fn the_newest_kernel_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let boot = folder.path();
        for name in ["vmlinuz-6.1.0-1-cloud-amd64", "vmlinuz-6.1.0-2-cloud-amd64", "config-7"] {
            fs::write(boot.join(name), name).unwrap();
        }
        take_newest(boot, "vmlinuz-", &boot.join("taken")).unwrap();
        assert_eq!(fs::read_to_string(boot.join("taken")).unwrap(), "vmlinuz-6.1.0-2-cloud-amd64");
        assert!(take_newest(boot, "initrd.img-", &boot.join("taken")).is_err());
    }

    #[test]
    fn the_list_of_the_machine_has_packages_and_no_remarks() {
        let packages: Vec<_> = machine_packages().collect();
        assert!(packages.contains(&"curl"), "{packages:?}");
        assert!(packages.iter().all(|name| !name.contains([' ', '#'])), "{packages:?}");
    }
}
