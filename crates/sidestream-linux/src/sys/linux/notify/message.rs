//! Messages of `sendmsg` and `recvmsg` in another process's memory.

use std::io;

use super::memory::Memory;

/// `struct msghdr` with where it lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    at: u64,
    pub(super) name: u64,
    pub(super) name_len: u32,
    parts: u64,
    parts_len: u64,
    pub(super) control: u64,
    pub(super) control_len: u64,
}

/// `sizeof(struct msghdr)` of both architectures.
const LEN: usize = 56;
/// `sizeof(struct mmsghdr)`.
pub(super) const MANY_LEN: u64 = 64;
/// The most parts of a message (`UIO_MAXIOV`).
const MAX_PARTS: u64 = 1024;
/// More than any datagram, with room for a batch (UDP_SEGMENT).
pub(super) const MAX_BYTES: usize = 128 * 1024;

/// Where the bytes of a message lie.
#[derive(Clone, Debug)]
pub(super) struct Parts(Vec<(u64, usize)>);

impl Header {
    pub(super) fn read(memory: Memory, at: u64) -> io::Result<Self> {
        let bytes: [u8; LEN] = memory.read_array(at)?;
        let word = |from: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[from..from + 8]);
            u64::from_ne_bytes(word)
        };
        Ok(Self {
            at,
            name: word(0),
            name_len: word(8) as u32,
            parts: word(16),
            parts_len: word(24),
            control: word(32),
            control_len: word(40),
        })
    }

    pub(super) fn parts(&self, memory: Memory) -> io::Result<Parts> {
        if self.parts_len > MAX_PARTS {
            return Err(io::Error::from_raw_os_error(libc::EMSGSIZE));
        }
        let bytes = memory.read_vec(self.parts, 16 * self.parts_len as usize)?;
        let part = |pair: &[u8]| {
            let (at, len) = pair.split_at(8);
            let word =
                |bytes: &[u8]| bytes.first_chunk().map_or(0, |word| u64::from_ne_bytes(*word));
            (word(at), usize::try_from(word(len)).unwrap_or(usize::MAX))
        };
        Ok(Parts(bytes.chunks_exact(16).map(part).collect()))
    }

    /// Writes what a receiver learns beside the bytes.
    pub(super) fn write(
        &self,
        memory: Memory,
        name_len: u32,
        control_len: usize,
        flags: i32,
    ) -> io::Result<()> {
        memory.write(self.at + 8, &name_len.to_ne_bytes())?;
        memory.write(self.at + 40, &(control_len as u64).to_ne_bytes())?;
        memory.write(self.at + 48, &flags.to_ne_bytes())
    }
}

impl Parts {
    pub(super) fn one(at: u64, len: usize) -> Self {
        Self(vec![(at, len)])
    }

    /// How much room there is.
    pub(super) fn len(&self) -> usize {
        self.0.iter().fold(0, |sum: usize, (_, len)| sum.saturating_add(*len))
    }

    pub(super) fn read(&self, memory: Memory) -> io::Result<Vec<u8>> {
        let len = self.len();
        if len > MAX_BYTES {
            return Err(io::Error::from_raw_os_error(libc::EMSGSIZE));
        }
        let mut bytes = vec![0; len];
        let mut rest = &mut bytes[..];
        for (at, len) in &self.0 {
            let (part, after) = rest.split_at_mut(*len);
            memory.read(*at, part)?;
            rest = after;
        }
        Ok(bytes)
    }

    pub(super) fn write(&self, memory: Memory, mut bytes: &[u8]) -> io::Result<()> {
        for (at, len) in &self.0 {
            let (part, rest) = bytes.split_at(bytes.len().min(*len));
            memory.write(*at, part)?;
            bytes = rest;
        }
        Ok(())
    }
}
