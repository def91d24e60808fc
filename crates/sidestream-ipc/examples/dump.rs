//! Prints the messages of a recorded stream: `dump < FILE`.
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::error::Error;
use std::io::Read;

use sidestream_ipc::{Decoder, Hello, Message, encode};

fn main() -> Result<(), Box<dyn Error>> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes)?;
    if bytes.is_empty() {
        // With nothing to read it shows what one looks like.
        encode(&Message::Hello(Hello::new("example 1.0")), &mut bytes)?;
    }
    let mut decoder = Decoder::new();
    decoder.feed(&bytes);
    while let Some(message) = decoder.poll_message()? {
        println!("{message:?}");
    }
    println!("{} skipped, {} bytes left", decoder.skipped(), decoder.pending_bytes());
    Ok(())
}
