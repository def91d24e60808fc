//! Decodes domain names (RFC 1035 §3.1, §4.1.4).

use super::DecodeDnsError;
use super::cursor::Cursor;
use super::text;

/// The most bytes of a name on the wire, its lengths and final zero included.
const MAX_NAME_BYTES: usize = 255;

/// Decodes the name at the cursor and leaves the cursor behind it.
///
/// The name is in presentation form without the final dot, the root is `.`.
pub(super) fn decode(cursor: &mut Cursor<'_>) -> Result<String, DecodeDnsError> {
    let mut name = String::new();
    let mut len_bytes = 1;
    // A pointer must lead to before the run of labels it ends: so the walk gets shorter with each, and ends.
    let mut run_begins = cursor.at;
    let mut walk = *cursor;
    let mut jumped = false;
    loop {
        let offset = walk.at;
        let first = walk.u8()?;
        match first >> 6 {
            0b00 if first == 0 => break,
            0b00 => {
                let label = walk.take(usize::from(first))?;
                len_bytes += 1 + label.len();
                if len_bytes > MAX_NAME_BYTES {
                    return Err(DecodeDnsError::NameTooLong { offset });
                }
                if !name.is_empty() {
                    name.push('.');
                }
                text::push_label(label, &mut name);
            }
            0b11 => {
                let target = usize::from(first & 0x3f) << 8 | usize::from(walk.u8()?);
                if target >= run_begins {
                    return Err(DecodeDnsError::Pointer { offset });
                }
                if !jumped {
                    cursor.at = walk.at;
                    jumped = true;
                }
                run_begins = target;
                walk.at = target;
                walk.end = walk.message.len();
            }
            _ => return Err(DecodeDnsError::LabelType { offset }),
        }
    }
    if !jumped {
        cursor.at = walk.at;
    }
    if name.is_empty() {
        name.push('.');
    }
    Ok(name)
}
