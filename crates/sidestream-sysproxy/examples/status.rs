//! Prints what this desktop tells programs of proxies.

#![expect(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::path::Path;

use sidestream_sysproxy::{Desktop, Place};

fn main() -> Result<(), Box<dyn Error>> {
    let env = |name: &str| std::env::var_os(name);
    let desktop = Desktop { env: &env, fs_root: Path::new("/") };
    let more = [Place::Environment, Place::EtcEnvironment];
    for place in desktop.places()?.into_iter().chain(more) {
        println!("{place}: {}", desktop.current(place)?);
    }
    Ok(())
}
