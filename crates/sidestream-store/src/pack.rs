//! Content in as few bytes as are worth their time: zstd (RFC 8878), or as it is.

use std::fmt;
use std::io::Read;

use bytes::Bytes;
use zstd::bulk::Compressor;

/// The fastest of the usual levels: the disk, not the processor, is what is to be spared.
const LEVEL: i32 = 1;

/// Below this there is little to gain.
const MIN_BYTES: usize = 256;

/// What is tried first of something large, since much of what goes by is compressed already.
const SAMPLE_BYTES: usize = 4 * 1024;

/// What has fewer bits in each byte shrinks by a sixth at least, were nothing ever said again in it.
const WORTH_BITS: f32 = 6.5;

/// Up to this size room is made at once; what claims to be larger has to prove it.
const TRUSTED_BYTES: usize = 1024 * 1024;

/// Nothing that is written is larger: what waits to be written has less room.
const MAX_BYTES: u64 = 128 * 1024 * 1024;

/// Packs, with memory of its own that is used again.
pub(crate) struct Packer {
    compressor: Compressor<'static>,
    packed: Vec<u8>,
}

impl fmt::Debug for Packer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packer").finish_non_exhaustive()
    }
}

impl Packer {
    /// Makes one.
    ///
    /// # Panics
    ///
    /// If there is no memory for it.
    pub(crate) fn new() -> Self {
        let compressor = Compressor::new(LEVEL).expect("the level is one that zstd has");
        Self { compressor, packed: Vec::new() }
    }

    /// Returns the data in fewer bytes, or as it is.
    pub(crate) fn pack<'a>(&'a mut self, data: &'a [u8]) -> &'a [u8] {
        let sample = &data[..data.len().min(SAMPLE_BYTES)];
        let is_all = sample.len() == data.len();
        // Of text it is known without packing it twice.
        let is_worth = data.len() >= MIN_BYTES
            && (!is_all && bits_per_byte(sample) < WORTH_BITS
                || self.try_pack(sample).is_some_and(|packed| packed < sample.len() / 10 * 9))
            && (is_all || self.try_pack(data).is_some_and(|packed| packed < data.len()));
        if is_worth { &self.packed } else { data }
    }

    /// Like [`pack`](Self::pack), for what is kept.
    pub(crate) fn pack_whole(&mut self, data: Bytes) -> Bytes {
        let packed = self.pack(&data);
        if packed.len() < data.len() { Bytes::copy_from_slice(packed) } else { data }
    }

    fn try_pack(&mut self, data: &[u8]) -> Option<usize> {
        self.packed.clear();
        self.packed.reserve(zstd::zstd_safe::compress_bound(data.len()));
        self.compressor.compress_to_buffer(data, &mut self.packed).ok()
    }
}

/// Returns how many bits each byte needs at least where each stands for itself (its entropy).
fn bits_per_byte(sample: &[u8]) -> f32 {
    // Four, since the same byte twice in a row would have to wait for itself.
    let mut counts = [[0_u32; 256]; 4];
    for bytes in sample.chunks(4) {
        for (counts, byte) in counts.iter_mut().zip(bytes) {
            counts[usize::from(*byte)] += 1;
        }
    }
    let [first, second, third, fourth] = counts;
    let mut bits = 0.0;
    for byte in 0..256 {
        let count = (first[byte] + second[byte] + third[byte] + fourth[byte]) as f32;
        if count > 1.0 {
            bits += count * count.log2();
        }
    }
    let len = sample.len().max(1) as f32;
    len.log2() - bits / len
}

/// Unpacks what was packed from so many bytes; none if it is damaged.
pub(crate) fn unpack(packed: Vec<u8>, size: u64) -> Option<Bytes> {
    if packed.len() as u64 >= size {
        return (packed.len() as u64 == size).then(|| packed.into());
    }
    let len = usize::try_from(size).ok().filter(|_| size <= MAX_BYTES)?;
    let data = if len <= TRUSTED_BYTES {
        zstd::bulk::decompress(&packed, len).ok()?
    } else {
        // Made of what is there only: the system gives memory to what is written to.
        let mut data = Vec::with_capacity(len + 1);
        let decoder = zstd::Decoder::with_buffer(&packed[..]).ok()?;
        decoder.take(size + 1).read_to_end(&mut data).ok()?;
        data
    };
    (data.len() == len).then(|| data.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_shrinks_and_noise_stays() {
        let mut packer = Packer::new();
        let text = "a line like any other\n".repeat(500);
        assert!(packer.pack(text.as_bytes()).len() < text.len() / 10);
        let noise: Vec<u8> = (0..20_000_u64)
            .map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23) >> 56) as u8)
            .scan(0_u8, |last, byte| {
                *last = last.wrapping_mul(167).wrapping_add(byte);
                Some(*last)
            })
            .collect();
        let packed = packer.pack(&noise).to_vec();
        assert!(packed.len() <= noise.len());
        assert_eq!(unpack(packed, noise.len() as u64).unwrap(), noise);
    }

    #[test]
    fn bits_are_counted_as_they_are() {
        let bits = |bytes: &[u8]| bits_per_byte(bytes).max(0.0);
        assert_eq!(bits(&[]), 0.0);
        assert_eq!(bits(&[7; 4096]), 0.0);
        assert_eq!(bits(&[0, 1].repeat(2048)), 1.0);
        assert_eq!(bits(&[0, 1, 2, 3].repeat(1024)), 2.0);
        assert_eq!(bits(&(0..=255).collect::<Vec<_>>().repeat(16)), 8.0);
        assert!((bits(&[0, 0, 0, 1].repeat(1024)) - 0.8113).abs() < 0.001);
    }

    #[test]
    fn what_is_even_but_says_the_same_again_shrinks_too() {
        let data = (0..=255).collect::<Vec<u8>>().repeat(200);
        assert!(Packer::new().pack(&data).len() < data.len() / 10);
    }

    #[test]
    fn what_claims_to_be_larger_than_it_is_or_smaller_is_damaged() {
        let data = vec![7; 100_000];
        let packed = Packer::new().pack(&data).to_vec();
        for size in [0, 1, 99_999, 100_001, 2_000_000, u64::MAX] {
            assert_eq!(unpack(packed.clone(), size), None, "{size}");
        }
        assert_eq!(unpack(packed, 100_000).unwrap(), data);
    }

    proptest! {
        #[test]
        fn what_was_packed_comes_back(
            words in prop::collection::vec("[a-e]{1,3}|\\PC{4}", 0..400),
            times in 1..40_usize,
        ) {
            let data = words.concat().repeat(times).into_bytes();
            let packed = Packer::new().pack(&data).to_vec();
            prop_assert!(packed.len() <= data.len());
            prop_assert_eq!(unpack(packed, data.len() as u64).unwrap(), data);
        }

        #[test]
        fn any_bytes_are_unpacked_or_refused(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            size in prop_oneof![0..400_u64, any::<u64>()],
        ) {
            if let Some(data) = unpack(bytes, size) {
                prop_assert_eq!(data.len() as u64, size);
            }
        }
    }
}
