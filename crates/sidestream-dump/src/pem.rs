//! Certificates as text (RFC 7468).

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// How many characters a line has.
const LINE: usize = 64;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Writes a certificate.
pub(crate) fn write(der: &[u8]) -> Vec<u8> {
    let text = BASE64.encode(der).into_bytes();
    let mut pem = format!("{BEGIN}\n").into_bytes();
    for line in text.chunks(LINE) {
        pem.extend_from_slice(line);
        pem.push(b'\n');
    }
    pem.extend_from_slice(END.as_bytes());
    pem.push(b'\n');
    pem
}

/// Reads all certificates in a text, whatever stands around them; those that are broken are passed
/// over.
pub(crate) fn read(text: &str) -> impl Iterator<Item = Vec<u8>> {
    text.split(BEGIN).skip(1).filter_map(|rest| {
        let (inside, _) = rest.split_once(END)?;
        let inside: String = inside.split_ascii_whitespace().collect();
        BASE64.decode(inside).ok()
    })
}
