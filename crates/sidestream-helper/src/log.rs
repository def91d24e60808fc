//! The log, which goes to the proxy and by it to the user.

use std::fmt::{self, Write};

use sidestream_linux::{LogLines, LogWriter, log_lines};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry;

/// Starts to log what is at least that grave.
pub(crate) fn start(level: Level) -> LogLines {
    let (writer, lines) = log_lines();
    let subscriber = registry().with(ToProxy { writer, level });
    // Only a second call could fail.
    drop(tracing::subscriber::set_global_default(subscriber));
    lines
}

struct ToProxy {
    writer: LogWriter,
    level: Level,
}

impl<S: Subscriber> Layer<S> for ToProxy {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        *metadata.level() <= self.level
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.writer.write(*event.metadata().level(), line.message + &line.fields);
    }
}

/// The text of an event, then its fields.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
