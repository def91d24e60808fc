//! Where flows go: the screen, JSON lines, a session.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Stderr, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use sidestream::flow::Ids;
use sidestream::record::{Finished, Sink};
use sidestream::store::Session;

use crate::feed::{Feed, Watcher};
use crate::json::JsonWriter;
use crate::print::{Detail, Printer, Style};
use crate::say::say;
use crate::settings::Settings;
use crate::sieve::Sieve;

/// Everything that records or shows flows, at work.
#[derive(Debug)]
pub struct Outputs {
    screen: Option<Feed>,
    json: Option<Feed>,
    session: Option<Session>,
}

impl Outputs {
    /// Opens what the settings name.
    ///
    /// # Errors
    ///
    /// A file cannot be had; the message says which and why.
    pub fn open(settings: &Settings, style: Style) -> anyhow::Result<Self> {
        let schema = settings.schema()?;
        let session = settings
            .session
            .as_deref()
            .map(|path| Session::create_keeping(path, settings.retention))
            .transpose()?;
        let json = settings.json.as_deref().map(|path| {
            let file = open_json(path)
                .with_context(|| format!("cannot write JSON to {}", path.display()))?;
            let writer = JsonWriter::new(BufWriter::new(file), settings.json_redact());
            let sieve = Sieve::new(writer, settings.filter.clone());
            Ok::<_, anyhow::Error>(Feed::start("json", sieve)?)
        });
        let screen = (settings.detail > Detail::Quiet).then(|| {
            let redact = settings.screen_redact();
            let printer =
                Printer::new(io::stderr(), settings.detail, style, redact).knowing(schema);
            Feed::start("screen", Sieve::new(printer, settings.filter.clone()))
        });
        Ok(Self { screen: screen.transpose()?, json: json.transpose()?, session })
    }

    /// Returns the sinks that everything is recorded to.
    pub fn sinks(&self) -> Vec<Arc<dyn Sink>> {
        let feeds = [&self.json, &self.screen].into_iter().flatten();
        let mut sinks: Vec<Arc<dyn Sink>> = Vec::new();
        sinks.extend(self.session.as_ref().map(|session| Arc::new(session.writer()) as Arc<_>));
        sinks.extend(feeds.map(|feed| Arc::new(feed.sink()) as Arc<_>));
        sinks
    }

    /// Returns where ids come from: a session that is continued goes on counting.
    pub fn ids(&self) -> Ids {
        self.session.as_ref().map(Session::ids).unwrap_or_default()
    }

    /// Writes everything that waits, and tells what could not be written. Returns whether all
    /// was.
    pub fn end(self) -> bool {
        let mut complete = true;
        let feeds = [(self.screen, "the screen"), (self.json, "JSON")];
        for (feed, name) in feeds {
            let Some(outcome) = feed.map(Feed::end) else { continue };
            if outcome.missed > 0 {
                say(format_args!("{name} was too slow, {} events are missing", outcome.missed));
                complete = false;
            }
            if let Some(error) = outcome.error.filter(|error| !is_gone(error)) {
                say(format_args!("cannot write to {name}: {error}"));
                complete = false;
            }
        }
        complete & self.session.is_none_or(end_session)
    }
}

/// Whoever closes the other end has seen enough.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

fn end_session(session: Session) -> bool {
    let path = session.path().display().to_string();
    match session.close() {
        Ok(summary) => {
            if summary.dropped_bytes > 0 {
                let bytes = summary.dropped_bytes;
                say(format_args!("{path}: the disk was too slow, {bytes} bytes are not recorded"));
            }
            if summary.lost_entries > 0 {
                let lost = summary.lost_entries;
                say(format_args!("{path}: the disk was too slow, {lost} events are not recorded"));
            }
            summary.dropped_bytes == 0 && summary.lost_entries == 0
        }
        Err(error) => {
            crate::say::error(&anyhow::Error::new(error).context(path));
            false
        }
    }
}

/// Opens a file anew, or a descriptor as it is.
fn open_json(path: &Path) -> io::Result<File> {
    let descriptor = path.strip_prefix("/dev/fd").ok().and_then(Path::to_str);
    if let Some(descriptor) = descriptor.and_then(|number| number.parse().ok()) {
        return sidestream::os::inherited(descriptor);
    }
    let mut options = OpenOptions::new();
    options.write(true);
    if path.starts_with("/dev") || path.starts_with("/proc") {
        return options.append(true).open(path);
    }
    options.create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

impl<W: Write + Send + 'static> Watcher for JsonWriter<W> {
    fn body_bytes(&self) -> usize {
        0
    }

    fn see(&mut self, finished: &Finished) -> io::Result<()> {
        self.write(finished)
    }

    fn idle(&mut self) -> io::Result<()> {
        self.flush()
    }
}

impl Watcher for Printer<Stderr> {
    fn body_bytes(&self) -> usize {
        self.detail().body_bytes()
    }

    fn see(&mut self, finished: &Finished) -> io::Result<()> {
        self.print(finished)
    }

    fn idle(&mut self) -> io::Result<()> {
        Ok(())
    }
}
