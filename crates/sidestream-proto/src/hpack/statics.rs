//! The static table (RFC 7541 appendix A).

use bytes::Bytes;
use sidestream_record::Field;

use super::hash::{SEED, fold, hash};

/// How many entries there are; the dynamic table's indexes follow.
pub(super) const LEN: usize = ENTRIES.len();

/// Returns the field at an index, which begins at 1.
pub(super) fn get(index: usize) -> Option<Field> {
    let (name, value) = ENTRIES.get(index.checked_sub(1)?)?;
    let (name, value) = (name.as_bytes(), value.as_bytes());
    Some(Field { name: Bytes::from_static(name), value: Bytes::from_static(value) })
}

/// Returns the name at an index, which begins at 1.
pub(super) fn name(index: usize) -> Option<Bytes> {
    let (name, _) = ENTRIES.get(index.checked_sub(1)?)?;
    Some(Bytes::from_static(name.as_bytes()))
}

/// Returns the first index of a name whose hash is known.
pub(super) fn find_name(name_hash: u64, name: &[u8]) -> Option<usize> {
    let mut slot = fold(name_hash) as usize % SLOTS;
    while BY_NAME[slot] != 0 {
        let index = usize::from(BY_NAME[slot]);
        if ENTRIES[index - 1].0.as_bytes() == name {
            return Some(index);
        }
        slot = (slot + 1) % SLOTS;
    }
    None
}

/// Returns the index of a value among the entries of one name, of which `first` is the first.
pub(super) fn find_value(first: usize, value: &[u8]) -> Option<usize> {
    let name = ENTRIES[first - 1].0;
    let same = ENTRIES[first - 1..].iter().take_while(|entry| entry.0 == name);
    let place = same.into_iter().position(|entry| entry.1.as_bytes() == value)?;
    Some(first + place)
}

const SLOTS: usize = 256;

/// The first index of each name at the slot of its hash or soon behind; 0 is nothing.
static BY_NAME: [u8; SLOTS] = by_name();

const fn by_name() -> [u8; SLOTS] {
    let mut slots = [0; SLOTS];
    let mut index = LEN;
    // From the end, so that of one name the first entry stays.
    while index > 0 {
        let name = ENTRIES[index - 1].0.as_bytes();
        let mut slot = fold(hash(SEED, name)) as usize % SLOTS;
        while slots[slot] != 0 && !same(name, ENTRIES[slots[slot] as usize - 1].0.as_bytes()) {
            slot = (slot + 1) % SLOTS;
        }
        slots[slot] = index as u8;
        index -= 1;
    }
    slots
}

const fn same(left: &[u8], right: &[u8]) -> bool {
    let mut at = 0;
    while at < left.len() && at < right.len() && left[at] == right[at] {
        at += 1;
    }
    at == left.len() && at == right.len()
}

const ENTRIES: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];
