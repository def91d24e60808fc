//! The kernel ground: the net ground again, on other kernels, each in a virtual machine.
//!
//! A kernel is fetched as a package of Debian and never installed. It boots under QEMU with an
//! initramfs made of this machine's own programs, runs one command, and its lines come back over
//! a serial port of their own, so that what the kernel says meanwhile tears none of them.

mod apt;
mod boot;
mod console;
pub mod guest;
mod initramfs;
mod modules;
mod qemu;
mod release;
mod run;
mod selection;
mod wire;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

pub use boot::{Boot, BootOutcome, End};
pub use initramfs::Initramfs;
pub use qemu::Qemu;
pub use release::Release;
pub(super) use run::own_program;
pub use run::{ALL, DEFAULT, run};
pub use selection::Selection;

use super::Unavailable;
use crate::closure;

/// A kernel that can be booted, and its modules.
#[derive(Clone, Debug)]
pub struct Kernel {
    release: Release,
    image: PathBuf,
    modules: PathBuf,
}

impl Kernel {
    /// Finds a kernel by its version, such as `6.12`, or the `newest` there is: one that was
    /// fetched before, else one that is fetched into `lab` now.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when it cannot be had here; else when it cannot be unpacked.
    pub fn find(wanted: &str, lab: &Path) -> Result<Self> {
        let folder = lab.join("kernels").join(wanted);
        if let Some(kernel) = Self::unpacked(&folder)? {
            return Ok(kernel);
        }
        if std::env::consts::ARCH != "x86_64" {
            return Err(Unavailable::new("kernels are fetched for x86-64 alone").into());
        }
        // Two labs fetch one after the other; the second one finds what the first one has got.
        fs::create_dir_all(lab.join("kernels"))?;
        let lock = fs::File::create(lab.join("kernels/.lock"))?;
        lock.lock()?;
        if !folder.exists() {
            apt::fetch(wanted, lab, &folder)?;
        }
        Self::unpacked(&folder)?
            .with_context(|| format!("no kernel in {}, remove that folder", folder.display()))
    }

    /// Returns which one it is.
    #[must_use]
    pub const fn release(&self) -> &Release {
        &self.release
    }

    /// Looks into an unpacked package, and has its modules listed if they are not yet.
    fn unpacked(folder: &Path) -> Result<Option<Self>> {
        for base in [folder.join("usr"), folder.to_owned()] {
            let Ok(mut found) = fs::read_dir(base.join("lib/modules")) else { continue };
            let Some(modules) = found.next() else { continue };
            let modules = modules?.path();
            let name = modules.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let release: Release = name.parse()?;
            let images =
                [folder.join("boot").join(format!("vmlinuz-{release}")), modules.join("vmlinuz")];
            let Some(image) = images.into_iter().find(|image| image.exists()) else { continue };
            if !modules.join("modules.dep.bin").exists() {
                list_modules(&base, &release)?;
            }
            return Ok(Some(Self { release, image, modules }));
        }
        Ok(None)
    }
}

fn list_modules(base: &Path, release: &Release) -> Result<()> {
    let Some(depmod) = closure::find("depmod") else {
        let reason = format!("no depmod: {}", closure::hint("depmod"));
        return Err(Unavailable::new(reason).into());
    };
    let output = Command::new(depmod).arg("-b").arg(base).arg(release.to_string()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "depmod cannot read the modules of {release}: {said}");
    Ok(())
}
