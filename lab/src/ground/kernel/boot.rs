//! One boot of a guest, from its start to its end, whatever that is.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::console::Console;
use super::wire::{Job, Line};
use super::{Initramfs, Kernel, Qemu};

/// How often the console is looked at.
const TICK: Duration = Duration::from_millis(100);

/// How long a kernel that has said its last words may go on: for the rest of its log.
const GRACE: Duration = Duration::from_secs(3);

/// A guest to be booted.
#[derive(Debug)]
pub struct Boot<'a> {
    /// By what.
    pub qemu: &'a Qemu,
    /// Which.
    pub kernel: &'a Kernel,
    /// With these files.
    pub initramfs: &'a Initramfs,
    /// Where the log of its console comes; the last one there is lost.
    pub console: PathBuf,
    /// How long it may say nothing at all.
    pub silence: Duration,
    /// How often the guest says that it lives.
    pub beat: Duration,
}

/// What became of a boot.
#[derive(Debug)]
pub struct BootOutcome {
    /// How it ended.
    pub end: End,
    /// What the command wrote to its standard error.
    pub err: String,
    /// The log of the console.
    pub console: PathBuf,
    /// How long it took.
    pub took: Duration,
}

/// How a boot ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// QEMU ended before the command did, and told this.
    Died(String),
    /// The command ended with this status; 128 and the number for a signal.
    Exited(i32),
    /// The kernel panicked with these words.
    Panicked(String),
    /// Nothing was heard for so long.
    Silent(Duration),
    /// A processor of the guest got stuck, in the kernel's words.
    Stuck(String),
}

impl<'a> Boot<'a> {
    /// A boot with the usual patience.
    #[must_use]
    pub fn new(
        qemu: &'a Qemu,
        kernel: &'a Kernel,
        initramfs: &'a Initramfs,
        console: &Path,
    ) -> Self {
        let (silence, beat) = (Duration::from_secs(90), Duration::from_secs(5));
        Self { qemu, kernel, initramfs, console: console.to_owned(), silence, beat }
    }

    /// Runs a command in the guest; each line that it writes comes at once.
    ///
    /// # Errors
    ///
    /// When QEMU cannot be started or a file cannot be written; what goes wrong in the guest is
    /// an [`End`].
    pub fn run(&self, command: &[&str], mut on_line: impl FnMut(&str)) -> Result<BootOutcome> {
        let started = Instant::now();
        let argv = command.iter().map(|&word| word.to_owned()).collect();
        let files = self
            .initramfs
            .with_job(&Job { argv, beat_seconds: self.beat.as_secs() })
            .context("writing an initramfs")?;
        if let Some(folder) = self.console.parent() {
            fs::create_dir_all(folder)?;
        }
        let console = Console::create(&self.console)
            .with_context(|| format!("writing {}", self.console.display()))?;
        let mut said = tempfile::tempfile()?;
        let mut command = self.qemu.command(self.kernel, &files, &self.console)?;
        command.stderr(said.try_clone()?);
        let mut child = Guard(command.spawn().context("starting QEMU")?);
        let lines = lines(child.0.stdout.take().context("a pipe from QEMU")?);
        let mut watch = Watch { console, err: String::new(), end: None, heard: Instant::now() };
        watch.until_the_end(&lines, self.silence, &mut on_line)?;
        drop(child);
        watch.console.read()?;
        let end = watch.end.or_else(|| watch.console.trouble().cloned());
        let end = match end {
            Some(end) => end,
            None => End::Died(format!("{}{}", words(&mut said)?, watch.console.last())),
        };
        let (console, took) = (self.console.clone(), started.elapsed());
        Ok(BootOutcome { end, err: watch.err, console, took })
    }
}

/// A QEMU that ends with its boot.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// What was seen of a guest so far.
struct Watch {
    console: Console,
    err: String,
    end: Option<End>,
    heard: Instant,
}

impl Watch {
    /// Listens until QEMU ends, the kernel cannot go on, or nothing is heard any longer.
    fn until_the_end(
        &mut self,
        lines: &Receiver<String>,
        silence: Duration,
        on_line: &mut dyn FnMut(&str),
    ) -> Result<()> {
        let mut over: Option<Instant> = None;
        loop {
            match lines.recv_timeout(TICK) {
                Ok(line) => {
                    self.heard = Instant::now();
                    self.handle_line(&line, on_line);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            if self.console.read()? {
                self.heard = Instant::now();
            }
            if self.end.is_some() || self.console.trouble().is_some() {
                let over = *over.get_or_insert_with(Instant::now);
                if over.elapsed() > GRACE {
                    return Ok(());
                }
            } else if self.heard.elapsed() > silence {
                self.end = Some(End::Silent(silence));
                return Ok(());
            }
        }
    }

    fn handle_line(&mut self, line: &str, on_line: &mut dyn FnMut(&str)) {
        match serde_json::from_str(line) {
            Ok(Line::Beat(_)) => {}
            Ok(Line::Ended(status)) => self.end = Some(End::Exited(status)),
            Ok(Line::Out(line)) => on_line(&line),
            Ok(Line::Err(line)) => {
                self.err.push_str(&line);
                self.err.push('\n');
            }
            // A firmware that writes there, or a QEMU with a warning.
            Err(_) => self.err.push_str(&format!("{line}\n")),
        }
    }
}

fn lines(from: ChildStdout) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                break;
            }
        }
    });
    lines
}

fn words(file: &mut File) -> Result<String> {
    let mut words = String::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_string(&mut words)?;
    Ok(words)
}
