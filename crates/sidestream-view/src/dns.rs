//! A DNS message (RFC 1035), as it travels over UDP.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::out::Out;
use crate::sink::Style;
use crate::text::Hex;
use crate::view::run;

/// A message is no longer.
pub(crate) const MAX_BYTES: usize = 65_535;

/// Writes a message.
pub(crate) fn message(bytes: &[u8], more: u64, out: &mut Out<'_>) {
    let mut reader = Reader { bytes, at: 0 };
    if reader.message(out).is_none() || reader.at < bytes.len() {
        out.note(Style::Error, "not DNS from here on:");
        run(Hex::default(), &bytes[reader.at.min(bytes.len())..], out);
    }
    if more > 0 {
        out.note(Style::Note, &format!("{more} more bytes are not shown"));
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(taken)
    }

    fn short(&mut self) -> Option<u16> {
        let bytes = self.take(2)?;
        Some(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn message(&mut self, out: &mut Out<'_>) -> Option<()> {
        let head = self.take(12)?;
        let short = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
        let flags = short(2);
        let what = if flags & 0x8000 != 0 { "response" } else { "query" };
        let mut words = vec![format!("{what} {}", short(0))];
        let names = [
            (0x0400, "authoritative"),
            (0x0200, "truncated"),
            (0x0100, "recursion desired"),
            (0x0080, "recursion available"),
        ];
        let set = names.iter().filter(|(flag, _)| flags & flag != 0);
        words.extend(set.map(|(_, name)| (*name).to_owned()));
        if flags & 0x8000 != 0 {
            words.push(rcode(flags & 0xf));
        }
        out.note(Style::Keyword, &words.join(", "));
        for _ in 0..short(4) {
            let start = self.at;
            let question = self.question();
            self.write(start, "?", question, out)?;
        }
        for (at, mark) in [(6, " "), (8, "authority"), (10, "additional")] {
            for _ in 0..short(at) {
                let start = self.at;
                let record = self.record();
                self.write(start, mark, record, out)?;
            }
        }
        Some(())
    }

    /// What cannot be read is left to be shown.
    fn write(
        &mut self,
        start: usize,
        mark: &str,
        text: Option<String>,
        out: &mut Out<'_>,
    ) -> Option<()> {
        let Some(text) = text else {
            self.at = start;
            return None;
        };
        out.text(Style::Punctuation, mark);
        out.text(Style::Plain, " ");
        out.text(Style::Plain, &text);
        out.line();
        Some(())
    }

    fn question(&mut self) -> Option<String> {
        let name = self.name()?;
        let (kind, class) = (self.short()?, self.short()?);
        let class = if class == 1 { String::new() } else { format!(" CLASS{class}") };
        Some(format!("{name}{class} {}", kind_name(kind)))
    }

    fn record(&mut self) -> Option<String> {
        let name = self.name()?;
        let (kind, class) = (self.short()?, self.short()?);
        let ttl = u32::from(self.short()?) << 16 | u32::from(self.short()?);
        let length = usize::from(self.short()?);
        let end = self.at + length;
        let data = self.bytes.get(self.at..end)?;
        let text = self.data(kind, data).filter(|_| self.at <= end);
        self.at = end;
        let text = text.unwrap_or_else(|| {
            data.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
        });
        if kind == 41 {
            return Some(format!("EDNS, {class} bytes {text}"));
        }
        Some(format!("{name} {ttl} {} {text}", kind_name(kind)))
    }

    fn data(&mut self, kind: u16, data: &[u8]) -> Option<String> {
        match kind {
            1 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?).to_string()),
            28 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(data).ok()?).to_string()),
            2 | 5 | 12 | 39 => self.name(),
            15 => Some(format!("{} {}", self.short()?, self.name()?)),
            16 => {
                let mut rest = data;
                let mut parts = Vec::new();
                while let Some((length, behind)) = rest.split_first() {
                    let (text, behind) = behind.split_at_checked(usize::from(*length))?;
                    parts.push(format!("{:?}", String::from_utf8_lossy(text)));
                    rest = behind;
                }
                Some(parts.join(" "))
            }
            33 => {
                let (priority, weight, port) = (self.short()?, self.short()?, self.short()?);
                Some(format!("{priority} {weight} {port} {}", self.name()?))
            }
            _ => None,
        }
    }

    /// Reads a name, which may point back (RFC 1035 §4.1.4), but not forth: so it ends.
    fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        let (mut at, mut behind) = (self.at, None);
        loop {
            let length = usize::from(*self.bytes.get(at)?);
            match length {
                0 => break,
                1..=63 => {
                    let label = self.bytes.get(at + 1..at + 1 + length)?;
                    for byte in label {
                        match byte {
                            b'!'..=b'~' if !matches!(byte, b'.' | b'\\') => {
                                name.push(char::from(*byte))
                            }
                            byte => name.push_str(&format!("\\{byte:03}")),
                        }
                    }
                    name.push('.');
                    at += 1 + length;
                }
                192.. => {
                    let to = (length & 63) << 8 | usize::from(*self.bytes.get(at + 1)?);
                    if to >= at || name.len() > 1024 {
                        return None;
                    }
                    behind = behind.or(Some(at + 2));
                    at = to;
                }
                _ => return None,
            }
            if name.len() > 1024 {
                return None;
            }
        }
        self.at = behind.unwrap_or(at + 1);
        Some(if name.is_empty() { ".".to_owned() } else { name })
    }
}

fn rcode(code: u16) -> String {
    match code {
        0 => "no error".to_owned(),
        1 => "format error".to_owned(),
        2 => "server failure".to_owned(),
        3 => "no such name".to_owned(),
        5 => "refused".to_owned(),
        code => format!("rcode {code}"),
    }
}

fn kind_name(kind: u16) -> String {
    let name = match kind {
        1 => "A",
        2 => "NS",
        5 => "CNAME",
        6 => "SOA",
        12 => "PTR",
        15 => "MX",
        16 => "TXT",
        28 => "AAAA",
        33 => "SRV",
        39 => "DNAME",
        41 => "OPT",
        43 => "DS",
        46 => "RRSIG",
        47 => "NSEC",
        48 => "DNSKEY",
        64 => "SVCB",
        65 => "HTTPS",
        255 => "ANY",
        257 => "CAA",
        kind => return format!("TYPE{kind}"),
    };
    name.to_owned()
}
