//! Where an export goes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

/// A file, or standard output.
#[derive(Debug)]
pub(super) enum Output {
    /// A file, which has another name until it is whole.
    File {
        file: BufWriter<File>,
        path: PathBuf,
        new: Option<PathBuf>,
    },
    Stdout(BufWriter<io::Stdout>),
}

impl Output {
    /// Opens the file anew, its owner's alone; standard output where there is none.
    pub(super) fn open(path: Option<&Path>, force: bool) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(Self::Stdout(BufWriter::new(io::stdout()))) };
        let shown = path;
        if path.is_dir() {
            anyhow::bail!("{} is a folder; name a file in it", path.display());
        }
        let is_there = fs::symlink_metadata(path).is_ok();
        if is_there && !force {
            anyhow::bail!("{} is there already; --force writes over it", path.display());
        }
        // What a link leads to is written over, not the link.
        let path = if is_there { fs::canonicalize(path) } else { Ok(path.to_owned()) };
        let open = |path: PathBuf| {
            // A pipe or a device is written to as it is.
            if fs::metadata(&path).is_ok_and(|there| !there.is_file()) {
                let file = File::options().write(true).open(&path)?;
                return Ok(Self::File { file: BufWriter::new(file), path, new: None });
            }
            let mut new = path.clone().into_os_string();
            new.push("-new");
            let new = PathBuf::from(new);
            // One that a killed export left; what others have put there is not written to.
            match fs::remove_file(&new) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let file = BufWriter::new(options.open(&new)?);
            Ok(Self::File { file, path, new: Some(new) })
        };
        path.and_then(open).with_context(|| format!("cannot write {}", shown.display()))
    }

    /// Gives a file that is whole its name.
    ///
    /// # Errors
    ///
    /// It cannot be written to the end, or has not got its name; it is not there then.
    pub(super) fn keep(mut self) -> io::Result<()> {
        if let Err(error) = self.flush() {
            self.discard();
            return Err(error);
        }
        // It is on the disk before it takes the place of what was there.
        if let Self::File { file, path, new: Some(new) } = &self
            && let Err(error) = file.get_ref().sync_all().and_then(|()| fs::rename(new, path))
        {
            self.discard();
            return Err(error);
        }
        Ok(())
    }

    /// Takes away a file that has come to nothing: half of one would pass for a whole.
    pub(super) fn discard(self) {
        let Self::File { file, new: Some(new), .. } = self else { return };
        // What it still holds is not to be written.
        drop(file.into_parts());
        if let Err(error) = fs::remove_file(&new) {
            tracing::warn!(%error, "half of an export is left: {}", new.display());
        }
    }

    /// Says where it goes.
    pub(super) fn name(&self) -> String {
        match self {
            Self::File { path, .. } => path.display().to_string(),
            Self::Stdout(_) => "standard output".into(),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File { file, .. } => file.write(bytes),
            Self::Stdout(stdout) => stdout.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File { file, .. } => file.flush(),
            Self::Stdout(stdout) => stdout.flush(),
        }
    }
}
