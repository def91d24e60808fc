//! Literals of programming languages.

use std::fmt::Write as _;

/// Puts text into a string of JavaScript.
pub(crate) fn javascript(text: &str) -> String {
    let mut out = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            '\n' => out += "\\n",
            '\r' => out += "\\r",
            '\t' => out += "\\t",
            ' '..='~' => out.push(char),
            char if char.is_alphanumeric() => out.push(char),
            // Writing to a String cannot fail.
            char => char
                .encode_utf16(&mut [0; 2])
                .iter()
                .for_each(|unit| _ = write!(out, "\\u{unit:04x}")),
        }
    }
    out + "\""
}

/// Puts text into a string of Python.
pub(crate) fn python(text: &str) -> String {
    let mut out = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            '\n' => out += "\\n",
            '\r' => out += "\\r",
            '\t' => out += "\\t",
            ' '..='~' => out.push(char),
            char if char.is_alphanumeric() => out.push(char),
            char => _ = write!(out, "\\U{:08x}", u32::from(char)),
        }
    }
    out + "\""
}

/// Puts bytes into a literal of Python.
pub(crate) fn python_bytes(bytes: &[u8]) -> String {
    let mut out = String::from("b\"");
    for byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(*byte)]),
            b'\n' => out += "\\n",
            b'\r' => out += "\\r",
            b'\t' => out += "\\t",
            b' '..=b'~' => out.push(char::from(*byte)),
            byte => _ = write!(out, "\\x{byte:02x}"),
        }
    }
    out + "\""
}
