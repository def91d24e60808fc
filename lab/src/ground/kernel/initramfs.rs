//! What a guest has for files: a userland, the modules of its kernel, and what is tried.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::wire::{JOB, Job};
use super::{Kernel, modules};
use crate::closure::Closure;

/// The first program of a guest, which is this crate's binary.
pub(super) const INIT: &str = "lab/sidestream-lab";

/// The script by which a trial gets namespaces of its own.
pub(super) const SCRIPT: &str = "lab/own-namespaces.sh";

/// The tests of the eBPF driver.
pub(super) const BPF_TESTS: &str = "lab/bpf-tests";

const SCRIPT_TEXT: &str = include_str!("../../../own-namespaces.sh");

/// Archives that one after the other are the files of a guest.
#[derive(Clone, Debug)]
pub struct Initramfs {
    parts: Vec<PathBuf>,
    folder: PathBuf,
}

impl Initramfs {
    /// Makes one of a userland and of programs with the places where they come; `init`, a
    /// `sidestream-lab`, is the guest's first.
    ///
    /// Parts are kept in the lab's folder and made anew only when something in them is.
    ///
    /// # Errors
    ///
    /// When a file is missing or the folder cannot be written.
    pub fn new(
        kernel: &Kernel,
        mut userland: Closure,
        init: &Path,
        programs: &[(PathBuf, &str)],
        lab: &Path,
    ) -> Result<Self> {
        let folder = lab.join("cache");
        userland.device("dev/console", 0o600, 5, 1);
        // The kernel loads modules by this one.
        userland.program("modprobe")?;
        let mut of_kernel = Closure::empty()?;
        modules::add(kernel, &mut of_kernel)?;
        let mut ours = Closure::empty()?;
        ours.place(init, INIT)?;
        ours.file(SCRIPT, 0o755, SCRIPT_TEXT);
        for (program, place) in programs {
            ours.place(program, place)?;
        }
        // Later archives win, so libraries of ours replace none of the userland's but the same.
        let parts = [&userland, &of_kernel, &ours];
        let parts = parts.iter().map(|part| part.cpio_in(&folder)).collect::<Result<_>>()?;
        Ok(Self { parts, folder })
    }

    /// Writes all of it and a job into a file without a name: whoever ends us leaves nothing.
    pub(super) fn with_job(&self, job: &Job) -> Result<File> {
        let mut whole = tempfile::tempfile_in(&self.folder)?;
        for part in &self.parts {
            let mut part =
                File::open(part).with_context(|| format!("reading {}", part.display()))?;
            io::copy(&mut part, &mut whole)?;
        }
        let mut last = Closure::empty()?;
        last.file(JOB, 0o644, serde_json::to_vec(job)?);
        last.write_cpio(&mut whole)?;
        whole.seek(SeekFrom::Start(0))?;
        Ok(whole)
    }
}
