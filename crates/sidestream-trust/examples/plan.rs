//! Prints what would lie over this machine's files for a command to trust the root in the PEM file given.

#![expect(clippy::print_stdout, reason = "an example prints")]

use std::{env, error::Error, fs, path::Path};

use sidestream_trust::{Overlay, RootCertificate};

fn main() -> Result<(), Box<dyn Error>> {
    let file = env::args().nth(1).ok_or("usage: plan ROOT.PEM")?;
    let root = RootCertificate::from_pem(&fs::read_to_string(file)?)?;
    let plan = Overlay {
        root: &root,
        env: &|name| env::var_os(name),
        fs_root: Path::new("/"),
        current_dir: &env::current_dir()?,
        root_pem: Path::new("/run/example/root.pem"),
        bundle_fallback: Path::new("/run/example/bundle.pem"),
    }
    .plan();
    for file in plan.files.iter().chain(&plan.created) {
        println!("file {} ({} bytes)", file.path.display(), file.contents.len());
    }
    for directory in &plan.directories {
        println!("directory {} ({} entries)", directory.path.display(), directory.entries.len());
    }
    for (name, value) in &plan.environment {
        println!("{}={}", name.display(), value.display());
    }
    for note in &plan.notes {
        println!("note: {note}");
    }
    Ok(())
}
