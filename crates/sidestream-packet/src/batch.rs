//! Packets that travel together.

/// Packets, one behind the other in one buffer, with something said of each.
///
/// The bytes lie as WinDivert's calls for several packets want them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch<T> {
    bytes: Vec<u8>,
    entries: Vec<(usize, T)>,
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        Self { bytes: Vec::new(), entries: Vec::new() }
    }
}

impl<T> Batch<T> {
    /// Makes a batch of bytes that lie so already: the length of each packet in bytes, and what is
    /// said of it. `None` if the packets are not as long together as the bytes.
    pub fn of(bytes: Vec<u8>, packets: impl IntoIterator<Item = (usize, T)>) -> Option<Self> {
        let mut end = 0_usize;
        let mut entries = Vec::new();
        for (len, what) in packets {
            end = end.checked_add(len).filter(|end| *end <= bytes.len())?;
            entries.push((end, what));
        }
        (end == bytes.len()).then_some(Self { bytes, entries })
    }

    /// Adds a packet at the end.
    pub fn push(&mut self, packet: &[u8], what: T) {
        self.bytes.extend_from_slice(packet);
        self.entries.push((self.bytes.len(), what));
    }

    /// Returns how many packets there are.
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no packet.
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the bytes of all packets.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns a packet by its place, the first one by 0.
    pub fn get(&self, at: usize) -> Option<(&[u8], &T)> {
        let start = at.checked_sub(1).and_then(|before| self.entries.get(before));
        let (end, what) = self.entries.get(at)?;
        Some((self.bytes.get(start.map_or(0, |(end, _)| *end)..*end)?, what))
    }

    /// Iterates over the packets in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &T)> + '_ {
        self.entries.iter().scan(0, |start, (end, what)| {
            let packet = &self.bytes[*start..*end];
            *start = *end;
            Some((packet, what))
        })
    }

    /// Makes the bytes of the last packet available for change; empty where there is none.
    pub fn last_mut(&mut self) -> &mut [u8] {
        let start = self.entries.iter().rev().nth(1).map_or(0, |(end, _)| *end);
        &mut self.bytes[start..]
    }

    /// Says something else of the last packet, and cuts it to so many bytes.
    ///
    /// A length beyond its own is its own, and without a packet nothing happens.
    pub fn set_last(&mut self, what: T, len: usize) {
        let start = self.entries.iter().rev().nth(1).map_or(0, |(end, _)| *end);
        if let Some(last) = self.entries.last_mut() {
            self.bytes.truncate(start + len);
            *last = (self.bytes.len(), what);
        }
    }
}
