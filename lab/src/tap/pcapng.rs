//! The pcapng format, as far as it is written here (draft-ietf-opsawg-pcapng).

use std::io::{self, Write};
use std::time::Duration;

/// Packets begin with their IP header.
const LINKTYPE_RAW: u16 = 101;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const ENHANCED_PACKET: u32 = 6;

/// Where a packet goes, as its host sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// It came.
    In = 1,
    /// It went.
    Out = 2,
}

/// Begins a file, and names the program that writes it.
pub(super) fn write_header(file: &mut impl Write, program: &str) -> io::Result<()> {
    let mut body = Vec::new();
    body.extend(0x1a2b_3c4d_u32.to_le_bytes());
    body.extend(1_u16.to_le_bytes());
    body.extend(0_u16.to_le_bytes());
    // How long the section is remains open.
    body.extend(u64::MAX.to_le_bytes());
    write_option(&mut body, 4, program.as_bytes());
    write_option(&mut body, 0, &[]);
    write_block(file, SECTION, &body)
}

/// Adds a device; they are counted from 0 in the order in which they are added.
pub(super) fn write_interface(file: &mut impl Write, name: &str) -> io::Result<()> {
    let mut body = Vec::new();
    body.extend(LINKTYPE_RAW.to_le_bytes());
    body.extend(0_u16.to_le_bytes());
    // Packets are not cut.
    body.extend(0_u32.to_le_bytes());
    write_option(&mut body, 2, name.as_bytes());
    // Times are in nanoseconds.
    write_option(&mut body, 9, &[9]);
    write_option(&mut body, 0, &[]);
    write_block(file, INTERFACE, &body)
}

/// Adds a packet, with the time since 1970.
pub(super) fn write_packet(
    file: &mut impl Write,
    device: u32,
    at: Duration,
    direction: Direction,
    packet: &[u8],
) -> io::Result<()> {
    let nanos = u64::try_from(at.as_nanos()).map_err(io::Error::other)?;
    let len = u32::try_from(packet.len()).map_err(io::Error::other)?;
    let mut body = Vec::with_capacity(packet.len() + 48);
    body.extend(device.to_le_bytes());
    // The upper half comes first, whatever the byte order.
    body.extend(((nanos >> 32) as u32).to_le_bytes());
    body.extend((nanos as u32).to_le_bytes());
    body.extend(len.to_le_bytes());
    body.extend(len.to_le_bytes());
    body.extend(packet);
    pad(&mut body);
    write_option(&mut body, 2, &(direction as u32).to_le_bytes());
    write_option(&mut body, 0, &[]);
    write_block(file, ENHANCED_PACKET, &body)
}

fn write_option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = &value[..value.len().min(usize::from(u16::MAX))];
    body.extend(code.to_le_bytes());
    body.extend((value.len() as u16).to_le_bytes());
    body.extend(value);
    pad(body);
}

fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}

fn write_block(file: &mut impl Write, kind: u32, body: &[u8]) -> io::Result<()> {
    let len = u32::try_from(body.len() + 12).map_err(io::Error::other)?.to_le_bytes();
    file.write_all(&kind.to_le_bytes())?;
    file.write_all(&len)?;
    file.write_all(body)?;
    file.write_all(&len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_whole_words_and_tell_their_length_twice() {
        let mut file = Vec::new();
        write_header(&mut file, "lab").unwrap();
        write_interface(&mut file, "eth0").unwrap();
        write_packet(&mut file, 0, Duration::from_nanos(1 << 33 | 5), Direction::Out, b"E\0\0")
            .unwrap();
        let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        let (mut at, mut kinds) = (0, Vec::new());
        while at < file.len() {
            let len = word(at + 4) as usize;
            assert_eq!((len % 4, word(at + len - 4) as usize), (0, len));
            kinds.push(word(at));
            at += len;
        }
        assert_eq!((at, kinds), (file.len(), vec![SECTION, INTERFACE, ENHANCED_PACKET]));
        let packet = file.len() - word(file.len() - 4) as usize;
        let fields: Vec<_> = (0..5).map(|field| word(packet + 8 + 4 * field)).collect();
        assert_eq!(fields, [0, 2, 5, 3, 3]);
    }
}
