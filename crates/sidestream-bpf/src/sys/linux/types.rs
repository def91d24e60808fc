//! Walks through the kernel's description of its types (BTF), as far as it takes to know that the
//! loader can read it: the loader would leave a broken one aside, and the hooks then look for
//! everything in the wrong places.

use thiserror::Error;

const MAGIC: u16 = 0xeb9f;
const HEADER_LEN: usize = 24;
const TYPE_LEN: usize = 12;

/// Why the types cannot be read.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum TypesError {
    /// It ends before it is over.
    #[error("it is cut off")]
    CutOff,
    /// It is something else.
    #[error("it is something else")]
    Foreign,
    /// It has a kind of types that is not known here.
    #[error("it has types of the unknown kind {kind}, a newer version may know them")]
    Unknown {
        /// The kind.
        kind: u32,
    },
}

/// Checks that every type is of a known kind and ends where the next one begins.
pub(super) fn check(bytes: &[u8]) -> Result<(), TypesError> {
    if bytes.len() < HEADER_LEN {
        return Err(TypesError::CutOff);
    }
    let word = |at: usize| number(bytes, at);
    if bytes.get(..2) != Some(&MAGIC.to_ne_bytes()) {
        return Err(TypesError::Foreign);
    }
    let (header, types, types_len) = (word(4)?, word(8)?, word(12)?);
    let (strings, strings_len) = (word(16)?, word(20)?);
    let within = |start: u32, len: u32| {
        let start = (header as usize).checked_add(start as usize)?;
        bytes.get(start..start.checked_add(len as usize)?)
    };
    within(strings, strings_len).ok_or(TypesError::CutOff)?;
    let mut rest = within(types, types_len).ok_or(TypesError::CutOff)?;
    while !rest.is_empty() {
        let info = number(rest, 4)?;
        let len = TYPE_LEN + tail_len(info >> 24 & 0x1f, info as usize & 0xffff)?;
        rest = rest.get(len..).ok_or(TypesError::CutOff)?;
    }
    Ok(())
}

fn number(bytes: &[u8], at: usize) -> Result<u32, TypesError> {
    let bytes = bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or(TypesError::CutOff)?;
    Ok(u32::from_ne_bytes(*bytes))
}

/// Returns how many bytes follow a type with that many members.
const fn tail_len(kind: u32, members: usize) -> Result<usize, TypesError> {
    Ok(match kind {
        // A number, a variable, a tag of a declaration.
        1 | 14 | 17 => 4,
        // A pointer, a forward, a name, qualifiers, a function, a float, a tag of a type.
        2 | 7..=12 | 16 | 18 => 0,
        // An array.
        3 => 12,
        // A structure, a union, a section, a long enumeration.
        4 | 5 | 15 | 19 => 12 * members,
        // An enumeration, a prototype.
        6 | 13 => 8 * members,
        kind => return Err(TypesError::Unknown { kind }),
    })
}

#[cfg(test)]
mod tests {
    use super::{TypesError, check};

    /// Puts a header before the words of types.
    fn btf(types: &[u32]) -> Vec<u8> {
        let len = u32::try_from(4 * types.len()).unwrap();
        let mut bytes = 0xeb9f_u16.to_ne_bytes().to_vec();
        bytes.extend([1, 0]);
        let header = [24, 0, len, len, 1];
        let words = header.iter().chain(types).flat_map(|word| word.to_ne_bytes());
        bytes.extend(words);
        bytes.push(0);
        bytes
    }

    #[test]
    fn takes_what_this_kernel_says() {
        if let Ok(bytes) = std::fs::read("/sys/kernel/btf/vmlinux") {
            assert_eq!(check(&bytes), Ok(()));
        }
    }

    #[test]
    fn types_are_followed_to_their_end() {
        let (number, structure) = (0x0100_0000, 0x0400_0002);
        check(&btf(&[])).unwrap();
        check(&btf(&[0, number, 4, 32])).unwrap();
        check(&btf(&[0, structure, 8, 1, 2, 3, 4, 5, 6, 0, number, 4, 32])).unwrap();
        assert_eq!(check(&btf(&[0, structure, 8, 1, 2, 3])), Err(TypesError::CutOff));
        assert_eq!(check(&btf(&[0, number])), Err(TypesError::CutOff));
        assert_eq!(check(&btf(&[0, 0x1f00_0000, 0])), Err(TypesError::Unknown { kind: 31 }));
    }

    #[test]
    fn what_is_no_description_is_refused() {
        assert_eq!(check(b""), Err(TypesError::CutOff));
        assert_eq!(check(&[b'y'; 100]), Err(TypesError::Foreign));
        let mut bytes = btf(&[0, 0x0100_0000, 4, 32]);
        bytes.pop();
        assert_eq!(check(&bytes), Err(TypesError::CutOff));
        bytes[8..12].fill(0xff);
        assert_eq!(check(&bytes), Err(TypesError::CutOff));
    }
}
