//! What the head of an image says: its kind, its size, and what else stands in it.

use crate::markup::Markup;
use crate::out::Out;
use crate::sink::Style;
use crate::text::Hex;
use crate::view::run;

/// How much of an image is looked at.
pub(crate) const MAX_BYTES: usize = 256 << 10;

/// The most parts of a file that are told.
const MAX_PARTS: usize = 100;

/// Writes what is known of an image.
pub(crate) fn describe(bytes: &[u8], more: u64, out: &mut Out<'_>) {
    let known = match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', chunks @ ..] => png(chunks, out),
        [0xff, 0xd8, segments @ ..] => jpeg(segments, out),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', rest @ ..] => gif(rest, out),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', chunks @ ..] => {
            webp(chunks, out)
        }
        [0, 0, 1 | 2, 0, rest @ ..] => ico(bytes[2], rest, out),
        _ => svg(bytes, out),
    };
    let total = bytes.len() as u64 + more;
    if known.is_none() {
        out.cut("the image is cut short, or of a kind that is not known");
        if more == 0 {
            return run(Hex::default(), bytes, out);
        }
    }
    if !out.is_left() {
        field(out, "bytes", &total.to_string());
    }
}

fn field(out: &mut Out<'_>, name: &str, value: &str) {
    out.fresh();
    out.text(Style::Key, name);
    out.text(Style::Punctuation, ": ");
    out.text(Style::Plain, value);
    out.line();
}

fn size(out: &mut Out<'_>, width: u64, height: u64) {
    field(out, "size", &format!("{width} × {height}"));
}

fn big(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn little(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn png(mut chunks: &[u8], out: &mut Out<'_>) -> Option<()> {
    field(out, "kind", "PNG");
    for _ in 0..MAX_PARTS {
        let (head, rest) = chunks.split_at_checked(8)?;
        let length = big(&head[..4]) as usize;
        let data = &rest[..length.min(rest.len())];
        match &head[4..] {
            b"IHDR" => {
                let data = data.get(..13)?;
                size(out, big(&data[..4]), big(&data[4..8]));
                let color = match data[9] {
                    0 => "gray",
                    2 => "color",
                    3 => "palette",
                    4 => "gray with alpha",
                    6 => "color with alpha",
                    _ => "of an unknown kind",
                };
                field(out, "pixels", &format!("{} bits, {color}", data[8]));
                if data[12] == 1 {
                    field(out, "interlaced", "yes");
                }
            }
            b"acTL" => field(out, "frames", &big(data.get(..4)?).to_string()),
            b"pHYs" if data.get(8) == Some(&1) => {
                let each = format!("{} × {} a meter", big(&data[..4]), big(&data[4..8]));
                field(out, "resolution", &each);
            }
            b"tEXt" | b"iTXt" | b"zTXt" => png_text(&head[4..], data, out),
            b"eXIf" => exif(data, out).unwrap_or_default(),
            b"IEND" => return Some(()),
            _ => {}
        }
        // Behind what was kept of a long image nothing is known, and that is no fault.
        let Some(next) = rest.get(length + 4..) else { return Some(()) };
        chunks = next;
    }
    Some(())
}

fn png_text(kind: &[u8], data: &[u8], out: &mut Out<'_>) {
    let Some(end) = data.iter().position(|byte| *byte == 0) else { return };
    let (key, value) = (&data[..end], &data[end + 1..]);
    out.fresh();
    out.bytes(Style::Key, key);
    out.text(Style::Punctuation, ": ");
    let plain = match kind {
        b"tEXt" => Some(value),
        // A flag, a method, a language and a translated key come first.
        b"iTXt" if value.first() == Some(&0) => {
            value.get(2..).and_then(|it| it.splitn(3, |byte| *byte == 0).nth(2))
        }
        _ => None,
    };
    match plain {
        Some(text) => out.bytes(Style::String, &text[..text.len().min(4096)]),
        None => out.text(Style::Note, "compressed"),
    }
    out.line();
}

fn jpeg(mut rest: &[u8], out: &mut Out<'_>) -> Option<()> {
    field(out, "kind", "JPEG");
    for _ in 0..MAX_PARTS {
        let (head, behind) = rest.split_at_checked(2)?;
        let kind = head[1];
        if head[0] != 0xff || kind == 0xd9 {
            return (kind == 0xd9).then_some(());
        }
        if kind == 0xff {
            rest = &rest[1..];
            continue;
        }
        let length = big(behind.get(..2)?) as usize;
        let data = behind.get(2..length.max(2))?;
        match kind {
            0xc0..=0xcf if !matches!(kind, 0xc4 | 0xc8 | 0xcc) => {
                let data = data.get(..6)?;
                size(out, big(&data[3..5]), big(&data[1..3]));
                let how = if kind == 0xc2 { "progressive" } else { "baseline or other" };
                field(out, "pixels", &format!("{} bits, {} components, {how}", data[0], data[5]));
            }
            0xe1 => {
                if let Some(data) = data.strip_prefix(b"Exif\0\0") {
                    exif(data, out);
                }
            }
            0xfe => {
                out.text(Style::Key, "comment");
                out.text(Style::Punctuation, ": ");
                out.bytes(Style::String, data);
                out.line();
            }
            // The image itself begins.
            0xda => return Some(()),
            _ => {}
        }
        rest = behind.get(length..)?;
    }
    Some(())
}

/// The basics of EXIF: who made it with what, when and where (a TIFF inside).
fn exif(data: &[u8], out: &mut Out<'_>) -> Option<()> {
    let order: fn(&[u8]) -> u64 = match data.get(..4)? {
        b"II*\0" => little,
        b"MM\0*" => big,
        _ => return None,
    };
    let number = |at: usize, bytes: usize| data.get(at..at + bytes).map(order);
    let mut folders = vec![number(4, 4)? as usize];
    let mut seen = 0;
    while let Some(at) = folders.pop() {
        for entry in 0..number(at, 2)?.min(MAX_PARTS as u64) as usize {
            seen += 1;
            if seen > MAX_PARTS {
                return None;
            }
            let at = at + 2 + 12 * entry;
            let (tag, kind) = (number(at, 2)?, number(at + 2, 2)?);
            let count = number(at + 4, 4)? as usize;
            let name = match tag {
                0x010f => "maker",
                0x0110 => "model",
                0x0112 => "orientation",
                0x0131 => "software",
                0x0132 => "changed",
                0x013b => "artist",
                0x8298 => "copyright",
                0x8769 | 0x8825 => {
                    if tag == 0x8825 {
                        field(out, "location", "is told");
                    }
                    folders.push(number(at + 8, 4)? as usize);
                    continue;
                }
                0x9003 => "taken",
                0xa434 => "lens",
                _ => continue,
            };
            match kind {
                2 => {
                    let from = if count > 4 { number(at + 8, 4)? as usize } else { at + 8 };
                    let text = data.get(from..from.checked_add(count.min(1024))?)?;
                    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
                    out.text(Style::Key, name);
                    out.text(Style::Punctuation, ": ");
                    out.bytes(Style::String, &text[..end]);
                    out.line();
                }
                3 => field(out, name, &number(at + 8, 2)?.to_string()),
                _ => {}
            }
        }
    }
    Some(())
}

fn gif(rest: &[u8], out: &mut Out<'_>) -> Option<()> {
    field(out, "kind", "GIF");
    let screen = rest.get(..7)?;
    size(out, little(&screen[..2]), little(&screen[2..4]));
    let colors = if screen[4] & 0x80 != 0 { 2 << (screen[4] & 7) } else { 0 };
    field(out, "colors", &colors.to_string());
    let mut at = 7 + 3 * colors;
    let mut frames = 0_u64;
    let blocks = |mut at: usize| loop {
        let length = usize::from(*rest.get(at)?);
        at += 1 + length;
        if length == 0 {
            return Some(at);
        }
    };
    loop {
        let next = match rest.get(at) {
            Some(0x21) => {
                if rest.get(at + 1) == Some(&0xfe)
                    && let Some(length) = rest.get(at + 2)
                    && let Some(text) = rest.get(at + 3..at + 3 + usize::from(*length))
                {
                    out.text(Style::Key, "comment");
                    out.text(Style::Punctuation, ": ");
                    out.bytes(Style::String, text);
                    out.line();
                }
                blocks(at + 2)
            }
            Some(0x2c) => {
                frames += 1;
                let flags = *rest.get(at + 9).unwrap_or(&0);
                let table = if flags & 0x80 != 0 { 6 << (flags & 7) } else { 0 };
                blocks(at + 10 + table + 1)
            }
            _ => None,
        };
        let Some(next) = next else { break };
        at = next;
    }
    let whole = rest.get(at) == Some(&0x3b);
    let more = if whole { "" } else { " or more" };
    field(out, "frames", &format!("{frames}{more}"));
    Some(())
}

fn webp(mut chunks: &[u8], out: &mut Out<'_>) -> Option<()> {
    field(out, "kind", "WebP");
    let mut frames = 0_u64;
    for _ in 0..MAX_PARTS {
        let Some((head, rest)) = chunks.split_at_checked(8) else { break };
        let length = little(&head[4..]) as usize;
        let data = &rest[..length.min(rest.len())];
        match &head[..4] {
            b"VP8 " => {
                let data = data.get(..10)?;
                size(out, little(&data[6..8]) & 0x3fff, little(&data[8..10]) & 0x3fff);
                field(out, "coding", "lossy");
            }
            b"VP8L" => {
                let bits = little(data.get(1..5)?);
                size(out, (bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1);
                field(out, "coding", "lossless");
            }
            b"VP8X" => {
                let data = data.get(..10)?;
                size(out, little(&data[4..7]) + 1, little(&data[7..10]) + 1);
            }
            b"ANMF" => frames += 1,
            b"EXIF" => {
                exif(data.strip_prefix(b"Exif\0\0").unwrap_or(data), out).unwrap_or_default()
            }
            _ => {}
        }
        let Some(next) = rest.get(length + length % 2..) else { break };
        chunks = next;
    }
    if frames > 0 {
        field(out, "frames", &frames.to_string());
    }
    Some(())
}

fn ico(kind: u8, rest: &[u8], out: &mut Out<'_>) -> Option<()> {
    field(out, "kind", if kind == 1 { "ICO" } else { "CUR" });
    let count = little(rest.get(..2)?) as usize;
    field(out, "images", &count.to_string());
    for entry in rest[2..].chunks(16).take(count.min(MAX_PARTS)) {
        let entry = entry.get(..16)?;
        let edge = |byte: u8| if byte == 0 { 256 } else { u64::from(byte) };
        size(out, edge(entry[0]), edge(entry[1]));
    }
    Some(())
}

/// An image that is markup: what its first element says, and the markup.
fn svg(bytes: &[u8], out: &mut Out<'_>) -> Option<()> {
    let at = bytes.windows(4).position(|it| it == b"<svg")?;
    let end = bytes[at..].iter().position(|byte| *byte == b'>')?;
    let tag = String::from_utf8_lossy(&bytes[at..at + end]).into_owned();
    field(out, "kind", "SVG");
    for name in ["width", "height", "viewBox"] {
        let Some((_, rest)) = tag.split_once(&format!(" {name}=")) else { continue };
        let Some(quote) = rest.chars().next().filter(|it| matches!(it, '"' | '\'')) else {
            continue;
        };
        if let Some((value, _)) = rest[1..].split_once(quote) {
            field(out, name, value);
        }
    }
    run(Markup::new(false), bytes, out);
    Some(())
}
