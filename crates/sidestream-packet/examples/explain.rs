//! Explains packets that are given as hexadecimal, one an argument.
//!
//! ```sh
//! cargo run -p sidestream-packet --example explain -- \
//!   "45000021000040004011b6c8c0000201c00002020fa00035000d282968656c6c6f"
//! ```
#![expect(clippy::print_stdout, reason = "it is a program")]

use sidestream_packet::{Checksum, Packet};

const SAMPLE: &str = "4500002100004000 4011b6c8c0000201 c00002020fa00035 000d282968656c6c 6f";

fn main() {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let packets = if given.is_empty() { vec![SAMPLE.to_owned()] } else { given };
    for text in packets {
        let Some(bytes) = decode(&text) else {
            println!("no hexadecimal: {text}");
            continue;
        };
        match Packet::parse(&bytes, Checksum::Complete) {
            Ok(packet) => println!("{packet}"),
            Err(defect) => println!("{}: {defect}", defect.name()),
        }
    }
}

/// Reads pairs of digits, with any space between digits.
fn decode(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|it| !it.is_whitespace())
        .map(|it| it.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let (pairs, rest) = digits.as_deref()?.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}
