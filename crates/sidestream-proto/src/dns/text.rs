//! Writes DNS data in presentation form (RFC 1035 §5.1, RFC 4648).

use std::fmt::Write as _;

/// Writes one label of a name; what means something in a zone file is escaped, so a label can be told from two.
pub(super) fn push_label(label: &[u8], to: &mut String) {
    for &byte in label {
        match byte {
            b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$' => {
                to.push('\\');
                to.push(char::from(byte));
            }
            b'!'..=b'~' => to.push(char::from(byte)),
            _ => push_decimal(byte, to),
        }
    }
}

/// Writes a string in quotes.
pub(super) fn quoted(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 2);
    text.push('"');
    for &byte in bytes {
        match byte {
            b'\\' | b'"' => {
                text.push('\\');
                text.push(char::from(byte));
            }
            b' '..=b'~' => text.push(char::from(byte)),
            _ => push_decimal(byte, &mut text),
        }
    }
    text.push('"');
    text
}

fn push_decimal(byte: u8, to: &mut String) {
    write!(to, "\\{byte:03}").expect("a string takes it");
}

/// Writes hexadecimal digits, `-` for nothing as in a salt (RFC 5155 §3.3).
pub(super) fn hex_or_dash(bytes: &[u8]) -> String {
    if bytes.is_empty() { "-".to_owned() } else { hex(bytes) }
}

/// Writes hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(text, "{byte:02X}").expect("a string takes it");
    }
    text
}

/// Writes base 64 with padding (RFC 4648 §4).
pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = digits::<6>(bytes, DIGITS);
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

/// Writes base 32 with the extended hexadecimal alphabet, without padding (RFC 4648 §7, RFC 5155 §3.3).
pub(super) fn base32hex(bytes: &[u8]) -> String {
    digits::<5>(bytes, b"0123456789ABCDEFGHIJKLMNOPQRSTUV")
}

/// Writes bytes as digits of a number of bits each, the last filled up with zeros.
fn digits<const BITS: u32>(bytes: &[u8], alphabet: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    let (mut buffer, mut held) = (0_u32, 0);
    let mut push = |value: u32| text.push(char::from(alphabet[value as usize % alphabet.len()]));
    for &byte in bytes {
        buffer = buffer << 8 & 0xffff | u32::from(byte);
        held += 8;
        while held >= BITS {
            held -= BITS;
            push(buffer >> held);
        }
    }
    if held > 0 {
        push(buffer << (BITS - held));
    }
    text
}

/// Writes a time of a signature as `YYYYMMDDHHmmSS` (RFC 4034 §3.2).
pub(super) fn time(seconds: u32) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
}

/// Returns the date of a day after 1970-01-01, by years that begin in March so that the leap day is the last.
fn civil(days: u32) -> (u32, u32, u32) {
    const DAYS_IN_400_YEARS: u32 = 146_097;
    const FROM_0000_03_01: u32 = 719_468;
    let days = days + FROM_0000_03_01;
    let (era, day) = (days / DAYS_IN_400_YEARS, days % DAYS_IN_400_YEARS);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, day)
}
