//! Images as an engine keeps them: made once, and given to every engine by hard links.

use std::env;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::BufWriter;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::docker;
use super::engine::Engine;
use super::images::{Image, Images};

/// What of an engine's data is images.
const PARTS: [&str; 3] = ["image", "overlay2", "vfs"];
/// What changes with the packages of this machine.
const PACKAGES: [&str; 2] = ["/var/lib/dpkg/status", "/etc/ld.so.cache"];

/// A folder of images, and of the engines that have them.
#[derive(Debug)]
pub struct Library {
    folder: PathBuf,
}

impl Library {
    /// Opens the one in this folder, which need not be there yet.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Starts an engine that has all images; makes them where this machine's programs have
    /// changed since.
    ///
    /// # Errors
    ///
    /// As [`Engine::start`].
    pub fn engine(&self) -> Result<Engine> {
        Engine::check()?;
        let shelf = self.folder.join("images");
        fs::create_dir_all(&shelf).with_context(|| format!("making {}", shelf.display()))?;
        let lock = File::create(shelf.join("lock"))?;
        lock.lock()?;
        let kept = self.kept(&shelf)?;
        let engine = Engine::start(&self.homes(), |data| link(&kept, data));
        drop(lock);
        engine
    }

    fn homes(&self) -> PathBuf {
        self.folder.join("engines")
    }

    /// Returns the data of an engine that has been given all images and ended.
    fn kept(&self, shelf: &Path) -> Result<PathBuf> {
        let state = state();
        let known = shelf.join("known");
        let text = fs::read_to_string(&known).unwrap_or_default();
        if let Some((of, key)) = text.trim().split_once(' ')
            && of == state
            && shelf.join(key).is_dir()
        {
            return Ok(shelf.join(key));
        }
        let images = Images::of_this_machine()?;
        let kept = shelf.join(images.key());
        if !kept.is_dir() {
            for entry in fs::read_dir(shelf)?.flatten().filter(|entry| entry.path().is_dir()) {
                fs::remove_dir_all(entry.path()).context("removing images of another day")?;
            }
            self.load(&images, shelf, &kept)?;
        }
        fs::write(known, format!("{state} {}\n", images.key()))?;
        Ok(kept)
    }

    /// Has an engine take the images, and keeps its data.
    fn load(&self, images: &Images, shelf: &Path, kept: &Path) -> Result<()> {
        let part = shelf.join("part");
        fs::create_dir(&part)?;
        let engine = Engine::start_over(&self.homes(), &part)?;
        give(images, Command::new("docker").env("DOCKER_HOST", engine.host()))?;
        engine.stop()?;
        for entry in fs::read_dir(&part)?.flatten() {
            if !PARTS.iter().any(|part| entry.file_name() == *part) {
                fs::remove_dir_all(entry.path()).or_else(|_| fs::remove_file(entry.path()))?;
            }
        }
        Ok(fs::rename(&part, kept)?)
    }
}

/// Gives all images to an engine of somebody else's, where it has none and no registry has.
///
/// # Errors
///
/// When they cannot be made, or the engine refuses them.
pub(super) fn give_missing() -> Result<()> {
    let name = format!("{}:{}", Image::name(), Image::Clients.tag());
    let look = ["image", "inspect", "--format", "{{.Id}}", &name];
    let is_there = docker::run(Command::new("docker").args(look)).is_ok();
    if is_there || env::var_os("LAB_REGISTRY").is_some() {
        return Ok(());
    }
    give(&Images::of_this_machine()?, &mut Command::new("docker"))
}

/// Gives an engine, to which that command speaks, all images.
fn give(images: &Images, docker: &mut Command) -> Result<()> {
    let loading = docker.args(["load", "--quiet"]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut loading = loading.spawn().context("starting docker load")?;
    let input = loading.stdin.take().context("docker load has no input")?;
    let written = images.write(BufWriter::with_capacity(1 << 20, input));
    let ended = loading.wait()?;
    written.context("loading images")?;
    ensure!(ended.success(), "docker load: {ended}");
    Ok(())
}

/// Lets an engine's data have what another's have.
fn link(kept: &Path, data: &Path) -> Result<()> {
    for part in PARTS.map(|part| kept.join(part)).iter().filter(|part| part.is_dir()) {
        // Layers are never written again; what tells of them is.
        let how = if part.ends_with("image") { "-a" } else { "-al" };
        let copied = Command::new("cp").arg(how).args([part, data]).output()?;
        let said = String::from_utf8_lossy(&copied.stderr);
        ensure!(copied.status.success(), "cp {how} {}: {said}", part.display());
    }
    Ok(())
}

/// Names what images depend on, as far as it can be told at once.
fn state() -> String {
    let mut hash = DefaultHasher::new();
    Image::name().hash(&mut hash);
    let own = env::current_exe().ok();
    let packages = PACKAGES.iter().map(PathBuf::from);
    for path in packages.chain(Images::programs()).chain(own) {
        path.hash(&mut hash);
        let found = fs::metadata(&path).ok();
        found.map(|found| (found.len(), found.mtime(), found.mtime_nsec())).hash(&mut hash);
    }
    format!("{:016x}", hash.finish())
}
