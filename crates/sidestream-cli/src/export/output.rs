//! Where an export goes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

/// A file, or standard output.
#[derive(Debug)]
pub(super) enum Output {
    File { file: BufWriter<File>, path: PathBuf },
    Stdout(BufWriter<io::Stdout>),
}

impl Output {
    /// Opens the file anew, its owner's alone; standard output where there is none.
    pub(super) fn open(path: Option<&Path>, force: bool) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(Self::Stdout(BufWriter::new(io::stdout()))) };
        let mut options = OpenOptions::new();
        options.write(true);
        match force {
            true => options.create(true).truncate(true),
            false => options.create_new(true),
        };
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(path) {
            Ok(file) => Ok(Self::File { file: BufWriter::new(file), path: path.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                anyhow::bail!("{} is there already; --force writes over it", path.display())
            }
            Err(error) => Err(error).with_context(|| format!("cannot write {}", path.display())),
        }
    }

    /// Takes away a file that has come to nothing: half of one would pass for a whole.
    pub(super) fn discard(self) {
        let Self::File { file, path } = self else { return };
        let (file, _unwritten) = file.into_parts();
        if file.metadata().is_ok_and(|metadata| metadata.is_file())
            && let Err(error) = fs::remove_file(&path)
        {
            tracing::warn!(%error, "half of an export is left: {}", path.display());
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
