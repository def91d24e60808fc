//! Tells which processes come, run other programs and go, for a number of seconds: `watch [SECONDS]`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is what it is for")]

use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

use sidestream_bpf::{Event, Hooks, LoadOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let seconds = std::env::args().nth(1).map_or(Ok(10), |text| text.parse())?;
    let mut hooks = Hooks::load(&LoadOptions::default())
        .inspect_err(|error| eprintln!("{}", error.remedy().unwrap_or_default()))?;
    let mut events = hooks.events().ok_or("the events are taken")?;
    let end = Instant::now() + Duration::from_secs(seconds);
    // Without a beat nothing is diverted.
    while Instant::now() < end {
        while let Some(event) = events.next() {
            match event {
                Event::Fork { parent, child, .. } => println!("{parent:8} made {child}"),
                Event::Exec { pid, path, uid, args, .. } => {
                    let args = args.join(&b' ');
                    let args = String::from_utf8_lossy(&args);
                    println!("{pid:8} runs {} as user {uid}: {args}", path.display());
                }
                Event::Exit { pid, .. } => println!("{pid:8} ended"),
                other => println!("{other:?}"),
            }
        }
        thread::sleep(Duration::from_millis(10));
    }
    println!("{:?}", hooks.counters());
    Ok(())
}
