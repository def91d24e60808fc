//! A capture under way.

use std::io::{self, Write};
use std::net::IpAddr;
use std::time::SystemTime;

use crate::block::{Block, len};

/// Types of blocks (draft-ietf-opsawg-pcapng §4).
mod kind {
    pub(super) const SECTION: u32 = 0x0a0d_0d0a;
    pub(super) const INTERFACE: u32 = 1;
    pub(super) const NAMES: u32 = 4;
    pub(super) const PACKET: u32 = 6;
    pub(super) const SECRETS: u32 = 10;
}

/// Codes of options.
mod option {
    pub(super) const COMMENT: u16 = 1;
    /// Of a section.
    pub(super) const APPLICATION: u16 = 4;
    /// Of an interface.
    pub(super) const NAME: u16 = 2;
    pub(super) const DESCRIPTION: u16 = 3;
    pub(super) const RESOLUTION: u16 = 9;
    /// Of a packet.
    pub(super) const FLAGS: u16 = 2;
}

/// Packets that begin with the header of IP, of either version.
const LINK_RAW: u16 = 101;

/// Times are nanoseconds: ten to the power of minus this.
const NANOSECONDS: u8 = 9;

/// Lines of a key log: "TLSK".
const TLS_KEY_LOG: u32 = 0x544c_534b;

/// By what the order of bytes is known.
const MAGIC: u32 = 0x1a2b_3c4d;

/// A section whose length is not told.
const UNTOLD: u64 = u64::MAX;

/// Where packets were seen: they begin with the header of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is, for people.
    pub description: &'a str,
}

/// A packet, from the header of IP on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The interface, by its place among those of the capture.
    pub interface: u32,
    /// When it went by. What was before 1970 is told as of its beginning.
    pub at: SystemTime,
    /// The packet.
    pub bytes: &'a [u8],
    /// Whether it left the machine that the capture is of; `None` says neither.
    pub sent: Option<bool>,
    /// Comments on it; of each, up to 65,535 bytes.
    pub comments: &'a [&'a str],
}

/// Writes a capture, block by block.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    block: Block,
}

impl<W: Write> Writer<W> {
    /// Begins a capture that an application makes.
    ///
    /// # Errors
    ///
    /// Those of what it is written to, here as everywhere.
    pub fn new(out: W, application: &str, interfaces: &[Interface<'_>]) -> io::Result<Self> {
        let mut writer = Self { out, block: Block::default() };
        let block = &mut writer.block;
        block.begin(kind::SECTION);
        block.u32(MAGIC);
        block.u16(1);
        block.u16(0);
        block.u64(UNTOLD);
        block.text(option::APPLICATION, application);
        block.end_options();
        writer.put()?;
        for Interface { name, description } in interfaces {
            let block = &mut writer.block;
            block.begin(kind::INTERFACE);
            block.u16(LINK_RAW);
            block.u16(0);
            // No packet is cut.
            block.u32(0);
            block.text(option::NAME, name);
            block.text(option::DESCRIPTION, description);
            block.option(option::RESOLUTION, &[NANOSECONDS]);
            block.end_options();
            writer.put()?;
        }
        Ok(writer)
    }

    /// Adds a packet.
    ///
    /// # Errors
    ///
    /// Also for a packet of more than 4 GiB.
    pub fn packet(&mut self, packet: &Packet<'_>) -> io::Result<()> {
        let Packet { interface, at, bytes, sent, comments } = *packet;
        let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let at = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX).to_be_bytes();
        let [a, b, c, d, e, f, g, h] = at;
        let len = len(bytes.len())?;
        let block = &mut self.block;
        block.begin(kind::PACKET);
        block.u32(interface);
        block.u32(u32::from_be_bytes([a, b, c, d]));
        block.u32(u32::from_be_bytes([e, f, g, h]));
        block.u32(len);
        block.u32(len);
        block.padded(bytes);
        for comment in comments {
            block.text(option::COMMENT, comment);
        }
        if let Some(sent) = sent {
            let flags = if sent { 2_u32 } else { 1 };
            block.option(option::FLAGS, &flags.to_le_bytes());
        }
        if sent.is_some() || !comments.is_empty() {
            block.end_options();
        }
        self.put()
    }

    /// Adds keys of TLS, as lines of a key log (RFC 9850). They serve packets that come behind
    /// them.
    ///
    /// # Errors
    ///
    /// Also for more than 4 GiB.
    pub fn secrets(&mut self, key_log: &str) -> io::Result<()> {
        let len = len(key_log.len())?;
        let block = &mut self.block;
        block.begin(kind::SECRETS);
        block.u32(TLS_KEY_LOG);
        block.u32(len);
        block.padded(key_log.as_bytes());
        self.put()
    }

    /// Adds names of an address. They serve packets that come behind them.
    ///
    /// A name with a zero in it, or one that does not fit, is left out.
    ///
    /// # Errors
    ///
    /// Those of what it is written to.
    pub fn name(&mut self, addr: IpAddr, names: &[&str]) -> io::Result<()> {
        let (record, mut value) = match addr {
            IpAddr::V4(addr) => (1, addr.octets().to_vec()),
            IpAddr::V6(addr) => (2, addr.octets().to_vec()),
        };
        let bare = value.len();
        for name in names.iter().filter(|name| !name.is_empty() && !name.contains('\0')) {
            if value.len() + name.len() < usize::from(u16::MAX) {
                value.extend_from_slice(name.as_bytes());
                value.push(0);
            }
        }
        if value.len() == bare {
            return Ok(());
        }
        self.block.begin(kind::NAMES);
        self.block.option(record, &value);
        // The end of records looks like that of options.
        self.block.end_options();
        self.put()
    }

    /// Ends the capture, and returns what it was written to.
    ///
    /// # Errors
    ///
    /// Those of what it is written to.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    fn put(&mut self) -> io::Result<()> {
        self.out.write_all(self.block.finish()?)
    }
}
