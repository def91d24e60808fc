//! What a scenario holds in its hands.

use std::path::Path;
use std::sync::PoisonError;

use anyhow::{Context, Result};

use crate::ground::{AskId, Ground, Intercept, Part, Signal};
use crate::model::{Answer, Ask, Client, Driver, Family, GroundKind, HttpAsk, Quality, Serve};
use crate::transcript::Transcript;
use crate::trial::Progress;

/// A ground, and what became of the asks so far.
pub struct Lab {
    ground: Box<dyn Ground>,
    driver: Driver,
    family: Family,
    transcript: Transcript,
    intercepted: bool,
    progress: Progress,
}

impl std::fmt::Debug for Lab {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lab").field("ground", &self.kind()).finish_non_exhaustive()
    }
}

impl Lab {
    /// Begins on a ground.
    #[must_use]
    pub fn new(ground: Box<dyn Ground>, driver: Driver, family: Family) -> Self {
        Self {
            ground,
            driver,
            family,
            transcript: Transcript::default(),
            intercepted: false,
            progress: Progress::default(),
        }
    }

    /// Keeps the transcript there as it grows.
    pub(crate) fn show_progress(&mut self, progress: Progress) {
        self.progress = progress;
    }

    /// Returns how this trial captures.
    #[must_use]
    pub const fn driver(&self) -> Driver {
        self.driver
    }

    /// Returns what clients ask by.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.family
    }

    /// Returns where it runs.
    #[must_use]
    pub fn kind(&self) -> GroundKind {
        self.ground.kind()
    }

    /// Adds hosts.
    ///
    /// # Errors
    ///
    /// When one cannot be made.
    pub fn hosts(&mut self, names: &[&str]) -> Result<()> {
        names.iter().try_for_each(|name| {
            self.ground.add_host(name).with_context(|| format!("making host {name}"))
        })
    }

    /// Joins two hosts by a link of that quality.
    ///
    /// # Errors
    ///
    /// As [`Ground::link`].
    pub fn link(&mut self, one: &str, other: &str, quality: &Quality) -> Result<()> {
        self.ground.link(one, other, quality)
    }

    /// Serves on a host.
    ///
    /// # Errors
    ///
    /// As [`Ground::serve`].
    pub fn serve(&mut self, host: &str, serve: Serve) -> Result<()> {
        self.ground.serve(host, &serve).with_context(|| format!("serving {serve:?} on {host}"))
    }

    /// Intercepts on a host by the trial's driver; nothing for [`Driver::Direct`].
    ///
    /// # Errors
    ///
    /// As [`Ground::intercept`].
    pub fn intercept(&mut self, host: &str, spec: &str) -> Result<()> {
        self.intercept_with(host, spec, true)
    }

    /// The same while nobody has said that clients trust our root.
    ///
    /// # Errors
    ///
    /// As [`Ground::intercept`].
    pub fn intercept_untrusted(&mut self, host: &str, spec: &str) -> Result<()> {
        self.intercept_with(host, spec, false)
    }

    fn intercept_with(&mut self, host: &str, spec: &str, ca_trusted: bool) -> Result<()> {
        if self.driver == Driver::Direct {
            return Ok(());
        }
        let intercept = Intercept { driver: self.driver, spec: spec.to_owned(), ca_trusted };
        self.ground.intercept(host, &intercept)?;
        self.intercepted = true;
        Ok(())
    }

    /// Changes what is intercepted.
    ///
    /// # Errors
    ///
    /// As [`Ground::set_spec`].
    pub fn set_spec(&mut self, spec: &str) -> Result<()> {
        self.note(&format!("spec becomes {spec:?}"));
        self.ground.set_spec(spec)
    }

    /// Signals a part of what intercepts.
    ///
    /// # Errors
    ///
    /// As [`Ground::signal`].
    pub fn signal(&mut self, part: Part, signal: Signal) -> Result<()> {
        self.note(&format!("{part:?} gets {signal:?}"));
        self.ground.signal(part, signal)
    }

    /// Asks, waits for the end, and keeps the answer for the transcript.
    ///
    /// # Errors
    ///
    /// When the program is missing or hangs; not for what it was answered.
    pub fn ask(&mut self, host: &str, ask: &Ask) -> Result<Answer> {
        let id = self.start(host, ask)?;
        self.wait(id)
    }

    /// Gets a page by curl.
    ///
    /// # Errors
    ///
    /// As [`Lab::ask`].
    pub fn get(&mut self, host: &str, url: &str) -> Result<Answer> {
        self.ask(host, &Ask::Http(HttpAsk::get(url)))
    }

    /// Begins to ask.
    ///
    /// # Errors
    ///
    /// As [`Ground::start`].
    pub fn start(&mut self, host: &str, ask: &Ask) -> Result<AskId> {
        self.ground.start(host, ask).with_context(|| format!("{host} asking {ask:?}"))
    }

    /// Waits for the end of an ask.
    ///
    /// # Errors
    ///
    /// As [`Ground::wait`].
    pub fn wait(&mut self, ask: AskId) -> Result<Answer> {
        let client: Client = self.ground.wait(ask)?;
        let answer = client.got.clone();
        self.transcript.client(client);
        self.progressed();
        Ok(answer)
    }

    /// Kills a program that asks.
    ///
    /// # Errors
    ///
    /// As [`Ground::kill`].
    pub fn kill(&mut self, ask: AskId) -> Result<()> {
        self.ground.kill(ask)
    }

    /// Runs a command of a host.
    ///
    /// # Errors
    ///
    /// As [`Ground::run`].
    pub fn run(&mut self, host: &str, argv: &[&str]) -> Result<String> {
        self.ground.run(host, argv)
    }

    /// Lists what intercepting could leave on a host.
    ///
    /// # Errors
    ///
    /// As [`Ground::traces`].
    pub fn traces(&mut self, host: &str) -> Result<String> {
        self.ground.traces(host)
    }

    /// Writes a line into the transcript.
    pub fn note(&mut self, line: &str) {
        self.transcript.note(line);
        self.progressed();
    }

    fn progressed(&self) {
        let so_far = self.transcript.render(&[], &[]);
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = so_far;
    }

    /// Opens a shell on a host for a person.
    ///
    /// # Errors
    ///
    /// As [`Ground::shell`].
    pub fn shell(&mut self, host: &str) -> Result<()> {
        self.ground.shell(host)
    }

    /// Stops intercepting in good order.
    ///
    /// # Errors
    ///
    /// As [`Ground::stop`].
    pub fn stop(&mut self) -> Result<()> {
        self.ground.stop()
    }

    /// Writes into a folder what helps to find a failure.
    ///
    /// # Errors
    ///
    /// As [`Ground::keep`].
    pub fn keep(&mut self, folder: &Path) -> Result<()> {
        self.ground.keep(folder)
    }

    /// Returns what the proxy told people.
    pub fn told(&mut self) -> String {
        self.ground.told()
    }

    /// Ends the trial and returns its transcript.
    ///
    /// # Errors
    ///
    /// When what intercepts does not end well, or what was seen cannot be read.
    pub fn finish(&mut self) -> Result<String> {
        if self.intercepted {
            self.ground.stop()?;
        }
        self.so_far()
    }

    /// Returns the transcript as far as it goes; for failures, too.
    ///
    /// # Errors
    ///
    /// When what was seen cannot be read.
    pub fn so_far(&mut self) -> Result<String> {
        let (flows, origins) = self.ground.seen()?;
        Ok(self.transcript.render(&flows, &origins))
    }
}
