//! As much DER as it takes to find a certificate's subject and to hash it as OpenSSL does.

use sha1::{Digest as _, Sha1};

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
const UTF8_STRING: u8 = 0x0c;

/// One element: its tag, its contents, and its bytes whole.
struct Element<'a> {
    tag: u8,
    contents: &'a [u8],
    whole: &'a [u8],
}

/// Takes the first element off `input`.
fn next<'a>(input: &mut &'a [u8]) -> Option<Element<'a>> {
    let (&tag, after_tag) = input.split_first()?;
    let (&first, after_first) = after_tag.split_first()?;
    let (len, body) = if first < 0x80 {
        (usize::from(first), after_first)
    } else {
        let (octets, body) = after_first.split_at_checked(usize::from(first & 0x7f))?;
        if octets.is_empty() || octets.len() > 4 {
            return None;
        }
        (octets.iter().fold(0, |len, &octet| len << 8 | usize::from(octet)), body)
    };
    let (contents, rest) = body.split_at_checked(len)?;
    let whole = &input[..input.len() - rest.len()];
    *input = rest;
    Some(Element { tag, contents, whole })
}

/// Takes an element that must have this tag.
fn expect<'a>(input: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    next(input).filter(|element| element.tag == tag).map(|element| element.contents)
}

/// Finds the subject of a certificate: the contents of the sequence.
pub(crate) fn subject(certificate: &[u8]) -> Option<&[u8]> {
    let mut input = certificate;
    let mut outer = expect(&mut input, SEQUENCE)?;
    if !input.is_empty() {
        return None;
    }
    let mut fields = expect(&mut outer, SEQUENCE)?;
    let first = next(&mut fields)?;
    if first.tag == VERSION {
        next(&mut fields)?; // the serial number
    }
    expect(&mut fields, SEQUENCE)?; // the signature's algorithm
    expect(&mut fields, SEQUENCE)?; // the issuer
    expect(&mut fields, SEQUENCE)?; // the validity
    expect(&mut fields, SEQUENCE)
}

/// Hashes a subject as `openssl x509 -subject_hash` does: the first four bytes, little-endian, of the SHA-1 of the name
/// with its texts in UTF-8, trimmed, in lower case and with single spaces.
pub(crate) fn subject_hash(subject: &[u8]) -> Option<u32> {
    let mut input = subject;
    let mut canonical = Vec::with_capacity(subject.len());
    while !input.is_empty() {
        let mut set = expect(&mut input, SET)?;
        let mut attributes = Vec::new();
        while !set.is_empty() {
            let mut attribute = expect(&mut set, SEQUENCE)?;
            let kind = next(&mut attribute)?;
            let value = next(&mut attribute)?;
            attributes.push(encode(SEQUENCE, &[kind.whole, &canonical_value(&value)?].concat()));
        }
        attributes.sort();
        canonical.extend(encode(SET, &attributes.concat()));
    }
    let digest: [u8; 20] = Sha1::digest(&canonical).into();
    let [a, b, c, d, ..] = digest;
    Some(u32::from_le_bytes([a, b, c, d]))
}

fn canonical_value(value: &Element<'_>) -> Option<Vec<u8>> {
    let text = match value.tag {
        // UTF-8 as it is; printable, IA5 and visible strings are part of it.
        0x0c | 0x13 | 0x16 | 0x1a => value.contents.to_vec(),
        // Teletex strings are taken as Latin-1.
        0x14 => {
            value.contents.iter().map(|&byte| char::from(byte)).collect::<String>().into_bytes()
        }
        0x1e => wide(value.contents, 2)?,
        0x1c => wide(value.contents, 4)?,
        _ => return Some(value.whole.to_vec()),
    };
    let words =
        text.split(|&byte| matches!(byte, b' ' | b'\t'..=b'\r')).filter(|word| !word.is_empty());
    let text = words.collect::<Vec<_>>().join(&b' ').to_ascii_lowercase();
    Some(encode(UTF8_STRING, &text))
}

/// Big-endian characters of two or four bytes, as UTF-8.
fn wide(contents: &[u8], width: usize) -> Option<Vec<u8>> {
    let chunks = contents.chunks(width).map(|chunk| {
        let code = chunk.iter().fold(0, |code, &byte| code << 8 | u32::from(byte));
        char::from_u32(code).filter(|_| chunk.len() == width)
    });
    chunks.collect::<Option<String>>().map(String::into_bytes)
}

fn encode(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut encoded = vec![tag];
    match u8::try_from(contents.len()) {
        Ok(len) if len < 0x80 => encoded.push(len),
        _ => {
            let len = contents.len().to_be_bytes();
            let octets: Vec<u8> = len.into_iter().skip_while(|&octet| octet == 0).collect();
            encoded.push(0x80 | octets.len() as u8);
            encoded.extend(octets);
        }
    }
    encoded.extend_from_slice(contents);
    encoded
}
