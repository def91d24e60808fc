//! The names of macOS's devices, and the four bytes before each of their packets.

#[cfg(test)]
mod tests;

use crate::NameError;

/// The length of what stands before a packet.
pub(super) const LEN: usize = 4;

/// The address families as Darwin numbers them, `AF_INET` and `AF_INET6`.
const V4: u32 = 2;
const V6: u32 = 30;

/// Gives the unit that is asked for by a name: one more than its number, and 0 for any that is
/// free.
pub(super) fn unit(name: Option<&str>) -> Result<u32, NameError> {
    let Some(name) = name else { return Ok(0) };
    let digits = name.strip_prefix("utun").ok_or(NameError::NotUtun)?;
    // The kernel writes a number in one way only.
    let is_padded = digits.len() > 1 && digits.starts_with('0');
    if is_padded || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NameError::NotUtun);
    }
    let number = digits.parse::<u32>().ok().and_then(|number| number.checked_add(1));
    number.ok_or(NameError::NotUtun)
}

/// Gives what stands before a packet: its address family in the order of networks. `None` if it
/// has none.
pub(super) fn header(packet: &[u8]) -> Option<[u8; LEN]> {
    match packet.first()? >> 4 {
        4 => Some(V4.to_be_bytes()),
        6 => Some(V6.to_be_bytes()),
        _ => None,
    }
}

/// Tells whether a packet is what stands before it.
pub(super) fn agrees(before: [u8; LEN], packet: &[u8]) -> bool {
    header(packet) == Some(before)
}
