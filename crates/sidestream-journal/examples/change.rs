//! Changes a file, and undoes it: `cargo run --example change -- FILE TEXT`.

#![expect(clippy::print_stderr, reason = "an example says what it does")]

use std::error::Error;
use std::io::stdin;

use sidestream_journal::{Journal, Part, Plain, Subject};

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let (Some(file), Some(text)) = (words.next(), words.next()) else {
        return Err("usage: change FILE TEXT".into());
    };
    let file = std::path::absolute(file)?;
    let state = std::env::temp_dir().join("sidestream-example");
    let journal = Journal::open(&state)?;
    for (subject, undone) in journal.repair(&Plain)?.undone {
        undone.iter().for_each(|step| eprintln!("{subject}: {step}"));
    }

    let former = std::fs::read(&file).unwrap_or_default();
    let ours = format!("{text}\n").into_bytes();
    let part = Part { kind: "text".into(), bytes: ours.clone() };
    let mut change = journal.begin(Subject::new("example", file.to_string_lossy()))?;
    change.write(&file, &[former, ours].concat(), Some(part))?;
    eprintln!("changed, until Enter is pressed; killed, the next run undoes it");
    stdin().read_line(&mut String::new())?;
    change.undo(&Plain)?.iter().for_each(|step| eprintln!("{step}"));
    Ok(())
}
