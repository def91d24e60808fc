//! The beginning of a body: text as text, anything else as bytes in hexadecimal.

use std::io::{self, Write};

use sidestream::record::wording;

/// How many bytes of a body are printed at most.
pub(super) const MAX_BYTES: usize = 4096;

/// How many of them if they are not text.
const MAX_BINARY: usize = 256;

const ROW: usize = 16;

/// Writes how a body of `total` bytes begins.
pub(super) fn write(out: &mut Vec<u8>, beginning: &[u8], total: u64) -> io::Result<()> {
    let shown = match text(beginning) {
        Some(text) => {
            write_text(out, text)?;
            text.len()
        }
        None => {
            let shown = &beginning[..beginning.len().min(MAX_BINARY)];
            write_binary(out, shown)?;
            shown.len()
        }
    };
    match total.saturating_sub(shown as u64) {
        0 => Ok(()),
        more => writeln!(out, "    … {} more", wording::bytes(more)),
    }
}

/// Returns the bytes as text, without a character that is cut at the end.
fn text(bytes: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let of_text = |char: char| !char.is_control() || matches!(char, '\n' | '\r' | '\t' | '\x1b');
    text.chars().all(of_text).then_some(text)
}

fn write_text(out: &mut Vec<u8>, text: &str) -> io::Result<()> {
    for line in text.lines() {
        let shown: Vec<_> = line.split('\t').map(|part| wording::text(part.as_bytes())).collect();
        writeln!(out, "    | {}", shown.join("\t"))?;
    }
    Ok(())
}

fn write_binary(out: &mut Vec<u8>, bytes: &[u8]) -> io::Result<()> {
    for (row, bytes) in bytes.chunks(ROW).enumerate() {
        write!(out, "    {:04x} ", row * ROW)?;
        for at in 0..ROW {
            match bytes.get(at) {
                Some(byte) => write!(out, " {byte:02x}")?,
                None => write!(out, "   ")?,
            }
        }
        let shown = |byte: &u8| if (b' '..=b'~').contains(byte) { char::from(*byte) } else { '.' };
        writeln!(out, "  {}", bytes.iter().map(shown).collect::<String>())?;
    }
    Ok(())
}
