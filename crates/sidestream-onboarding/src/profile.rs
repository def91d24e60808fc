//! The root as a configuration profile, in which Apple's systems take it.

use sidestream_ca::Authority;

use crate::page::escape;

/// Writes the profile. The same root makes the same one, so that a second takes the place of the
/// first.
pub(crate) fn write(authority: &Authority, digest: &[u8; 32]) -> String {
    let [profile_id, certificate_id] = [uuid(&digest[..16]), uuid(&digest[16..])];
    let identifier = format!("dev.sidestream.root.{}", &certificate_id[..8].to_lowercase());
    let pem = authority.certificate_pem();
    let base64: Vec<_> = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    include_str!("profile.xml")
        .replace("{base64}", &base64.join("\n"))
        .replace("{identifier}", &identifier)
        .replace("{profile-id}", &profile_id)
        .replace("{certificate-id}", &certificate_id)
        // Last, as it is the only one that could contain another's mark.
        .replace("{name}", &escape(authority.name()))
}

/// Makes a UUID of a kind of one's own (RFC 9562 §5.8) out of 16 bytes.
fn uuid(bytes: &[u8]) -> String {
    let hex: String = (0..)
        .zip(bytes)
        .map(|(index, byte)| match index {
            6 => byte & 0x0f | 0x80,
            8 => byte & 0x3f | 0x80,
            _ => *byte,
        })
        .map(|byte| format!("{byte:02X}"))
        .collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
