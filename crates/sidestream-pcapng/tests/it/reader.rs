//! A reader of what is written here, and of nothing else.

use std::fmt::Write as _;

/// A block, with its type and what stands between its lengths.
pub(crate) struct Block<'a> {
    pub(crate) kind: u32,
    pub(crate) body: &'a [u8],
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap())
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// Cuts a capture into its blocks, which must fill it.
pub(crate) fn blocks(mut bytes: &[u8]) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    while !bytes.is_empty() {
        let len = u32_at(bytes, 4) as usize;
        assert!(len.is_multiple_of(4) && len >= 12, "{len}");
        assert_eq!(u32_at(bytes, len - 4) as usize, len);
        blocks.push(Block { kind: u32_at(bytes, 0), body: &bytes[8..len - 4] });
        bytes = &bytes[len..];
    }
    blocks
}

/// Reads options, or records of names, up to their end, which must be that of the block.
pub(crate) fn options(mut bytes: &[u8]) -> Vec<(u16, &[u8])> {
    let mut options = Vec::new();
    while !bytes.is_empty() {
        let (code, len) = (u16_at(bytes, 0), usize::from(u16_at(bytes, 2)));
        let value = &bytes[4..4 + len];
        let end = 4 + len.next_multiple_of(4);
        assert!(bytes[4 + len..end].iter().all(|byte| *byte == 0));
        bytes = &bytes[end..];
        if code == 0 {
            assert!(len == 0 && bytes.is_empty());
            return options;
        }
        options.push((code, value));
    }
    options
}

/// A packet: interface, nanoseconds, bytes, options.
pub(crate) type Packet<'a> = (u32, u64, &'a [u8], Vec<(u16, &'a [u8])>);

pub(crate) fn packet<'a>(block: &Block<'a>) -> Packet<'a> {
    assert_eq!(block.kind, 6);
    let body = block.body;
    let at = u64::from(u32_at(body, 4)) << 32 | u64::from(u32_at(body, 8));
    let len = u32_at(body, 12) as usize;
    assert_eq!(u32_at(body, 16) as usize, len);
    (u32_at(body, 0), at, &body[20..20 + len], options(&body[20 + len.next_multiple_of(4)..]))
}

/// Tells what a capture holds, a line a block.
pub(crate) fn outline(bytes: &[u8]) -> String {
    let mut text = String::new();
    for block in blocks(bytes) {
        let body = block.body;
        let told = |options: Vec<(u16, &[u8])>| {
            let one = |(code, value): &(u16, &[u8])| {
                format!(" {code}:{:?}", value.escape_ascii().to_string())
            };
            options.iter().map(one).collect::<String>()
        };
        let line = match block.kind {
            0x0a0d_0d0a => format!(
                "section {:08x} {}.{} {}",
                u32_at(body, 0),
                u16_at(body, 4),
                u16_at(body, 6),
                told(options(&body[16..]))
            ),
            1 => format!("interface link {}{}", u16_at(body, 0), told(options(&body[8..]))),
            4 => format!("names{}", told(options(body))),
            6 => {
                let (interface, at, bytes, options) = packet(&block);
                format!("packet {interface} {at} {}{}", bytes.escape_ascii(), told(options))
            }
            10 => {
                let len = u32_at(body, 4) as usize;
                let kind = body[..4].iter().rev().copied().collect::<Vec<_>>();
                format!(
                    "secrets {} {:?}",
                    kind.escape_ascii(),
                    body[8..8 + len].escape_ascii().to_string()
                )
            }
            kind => format!("block {kind}"),
        };
        writeln!(text, "{line}").unwrap();
    }
    text
}
