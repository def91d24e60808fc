//! The parts of a comparison as child processes, each ended when it is dropped.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How long an answer may take before the part counts as stuck.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a part may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// A process that ends no later than this value.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    name: String,
}

/// A process of ours that answers line by line.
#[derive(Debug)]
pub(crate) struct Part {
    // Dropped first, which is how the process is told to end.
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    process: Process,
}

impl Process {
    pub(crate) fn start(name: &str, command: &mut Command) -> anyhow::Result<Self> {
        let child = command.spawn().with_context(|| format!("starting {name}"))?;
        Ok(Self { child, name: name.to_owned() })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Fails if it has ended.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("{} has ended: {status}", self.name),
            None => Ok(()),
        }
    }

    /// Asks it to end, and waits for a while.
    pub(crate) fn end(&mut self) {
        // One that does not is ended when it is dropped.
        _ = self.end_within(GRACE);
    }

    /// Asks it to end; whether it does in time.
    pub(crate) fn end_within(&mut self, patience: Duration) -> bool {
        let asked = Command::new("kill").arg(self.pid().to_string()).status();
        asked.is_ok_and(|status| status.success()) && self.wait(patience)
    }

    fn wait(&mut self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        while Instant::now() < until {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return true;
            }
            thread::sleep(Duration::from_millis(5));
        }
        false
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended already needs no more.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Part {
    /// Starts a process whose standard input and output are ours to talk through.
    pub(crate) fn start(name: &str, command: &mut Command) -> anyhow::Result<Self> {
        let mut process =
            Process::start(name, command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let output = process.child.stdout.take().context("standard output was asked for")?;
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { input: process.child.stdin.take(), lines, process })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Waits for the next line.
    pub(crate) fn hear<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        let name = &self.process.name;
        let line = match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => bail!("{name} has not answered for {PATIENCE:?}"),
            Err(RecvTimeoutError::Disconnected) => bail!("{name} has ended; what it said is above"),
        };
        serde_json::from_str(&line).with_context(|| format!("reading what {name} says: {line}"))
    }

    /// Says something and waits for the answer.
    pub(crate) fn ask<T: DeserializeOwned>(&mut self, what: &impl Serialize) -> anyhow::Result<T> {
        let mut line = serde_json::to_vec(what)?;
        line.push(b'\n');
        if let Some(input) = &mut self.input {
            // Why it does not listen is found out next.
            drop(input.write_all(&line));
        }
        self.hear()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.input = None;
        // Dropping the process ends it.
        _ = self.process.wait(GRACE);
    }
}
