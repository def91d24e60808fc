//! The agent itself: reads requests, does each in a thread of its own, and ends with its input.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};

use super::origins::Origins;
use super::process::{self, Processes};
use super::words::{Given, Hello, Refusal, Reply, Request, Want};
use super::{files, traces, wire};
use crate::sys;
use crate::tap::Tap;

/// How an agent works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// In network and mount namespaces that it makes for itself.
    pub own_network: bool,
}

/// All that an agent has.
struct Agent {
    folder: PathBuf,
    processes: Processes,
    origins: Origins,
    traces: traces::Traces,
    tap: Mutex<Option<Tap>>,
}

/// Serves on standard input and output until the input ends; to be called before there are
/// threads.
///
/// # Errors
///
/// When namespaces or a folder cannot be made, or what is read is not for an agent.
pub fn serve(options: &Options) -> Result<()> {
    if options.own_network {
        sys::own_network().context("making a network namespace")?;
    }
    sys::adopt_orphans().context("adopting orphans")?;
    let folder = tempfile::Builder::new().prefix("agent-").tempdir().context("making a folder")?;
    let served = serve_in(folder.path());
    process::end_all();
    served
}

fn serve_in(folder: &Path) -> Result<()> {
    let out = Arc::new(Mutex::new(io::stdout()));
    let hello = Hello {
        version: wire::VERSION,
        system: system(),
        exe: process::own_program()?,
        folder: folder.to_owned(),
        is_root: sys::is_machine_root(),
    };
    send(&out, &hello).context("greeting")?;
    let agent = Arc::new(Agent {
        folder: folder.to_owned(),
        processes: Processes::default(),
        origins: Origins::new(folder)?,
        traces: traces::Traces::default(),
        tap: Mutex::default(),
    });
    let mut input = io::stdin().lock();
    while let Some(Request { id, ask }) = wire::read(&mut input)? {
        let (agent, out) = (Arc::clone(&agent), Arc::clone(&out));
        thread::spawn(move || {
            let result = agent.answer(ask).map_err(Refusal::from);
            if let Err(error) = send(&out, &Reply { id, result }) {
                // Better a refusal than silence; a broken pipe is noticed by the reader, too.
                let result = Err(Refusal::new(format!("answering: {error}")));
                _ = send(&out, &Reply { id, result });
            }
        });
    }
    Ok(())
}

impl Agent {
    fn answer(&self, ask: Want) -> Result<Given> {
        Ok(match ask {
            Want::Start(exec) => Given::Started(self.processes.start(&exec, &self.folder)?),
            Want::Wait { process, patience, or_said } => {
                Given::Said(self.processes.wait(process, patience, or_said.as_deref())?)
            }
            Want::Signal { process, program, signal } => {
                // What it holds of the system is remembered, to be looked for after its end.
                self.traces.remember();
                self.processes.signal(process, program.as_deref(), signal)?;
                Given::Done
            }
            Want::Sockets { process } => Given::Count(self.processes.sockets(process)?),
            Want::Put { path, offset, bytes, mode } => {
                files::put(&path, offset, &bytes.0, mode)?;
                Given::Done
            }
            Want::Get { path, offset } => Given::Piece(files::get(&path, offset)?),
            Want::Serve(serving) => {
                self.origins.serve(*serving)?;
                Given::Done
            }
            Want::Seen => Given::Seen(self.origins.seen()),
            Want::Traces { folders } => Given::Traces(self.traces.list(&folders)?),
            Want::Tap { path } => {
                let tap = Tap::start(&path).context("tapping")?;
                *self.tap.lock().unwrap_or_else(PoisonError::into_inner) = Some(tap);
                Given::Done
            }
            Want::Untap => {
                *self.tap.lock().unwrap_or_else(PoisonError::into_inner) = None;
                Given::Done
            }
        })
    }
}

fn send(out: &Mutex<impl Write>, message: &impl serde::Serialize) -> io::Result<()> {
    wire::write(&mut *out.lock().unwrap_or_else(PoisonError::into_inner), message)
}

fn system() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{} {}", std::env::consts::OS, release.trim()).trim_end().to_owned()
}
