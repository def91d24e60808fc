//! A second process, which gives the settings back as soon as the first is killed.
//!
//! What is in the journal would wait for the next start; until then programs would be told of a
//! proxy that is gone.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use sidestream::os::stand_apart;

use crate::exit::Exit;
use crate::repair::{self, Whose};

/// What the second process is started with.
pub const COMMAND: &str = "settings-watcher";

/// The second process, as the first has it. It ends when this is dropped.
#[derive(Debug)]
pub struct Watcher(Child);

impl Watcher {
    /// Starts it, before anything is set.
    ///
    /// # Errors
    ///
    /// The system starts no process, or does not say where our program is.
    pub fn start() -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(COMMAND).current_dir(Path::new("/"));
        // Our end of its input is closed when we end, however that is.
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        stand_apart(&mut command).spawn().map(Self)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if let Some(mut input) = self.0.stdin.take() {
            // One that is gone needs no word.
            _ = input.write_all(b".");
        }
        _ = self.0.wait();
    }
}

/// Waits for a word, or for the end of who would say it; that one was killed, and is cleaned up
/// after.
///
/// # Errors
///
/// The input cannot be read.
pub fn watch() -> anyhow::Result<Exit> {
    if io::stdin().read(&mut [0])? == 0 {
        [Whose::Machine, Whose::User].into_iter().for_each(repair::at_start);
    }
    Ok(Exit::Success)
}
