//! XXH64, of which a frame's checksum is the lower half.

const P1: u64 = 0x9e37_79b1_85eb_ca87;
const P2: u64 = 0xc2b2_ae3d_27d4_eb4f;
const P3: u64 = 0x1656_67b1_9e37_79f9;
const P4: u64 = 0x85eb_ca77_c2b2_ae63;
const P5: u64 = 0x27d4_eb2f_1656_67c5;

/// The hash of what was pushed, with the seed 0.
#[derive(Debug)]
pub(super) struct Xxh64 {
    lanes: [u64; 4],
    waiting: Vec<u8>,
    total: u64,
}

impl Xxh64 {
    pub(super) const fn new() -> Self {
        let lanes = [P1.wrapping_add(P2), P2, 0, 0_u64.wrapping_sub(P1)];
        Self { lanes, waiting: Vec::new(), total: 0 }
    }

    pub(super) fn update(&mut self, mut bytes: &[u8]) {
        self.total += bytes.len() as u64;
        if !self.waiting.is_empty() {
            let taken = bytes.len().min(32 - self.waiting.len());
            self.waiting.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            if self.waiting.len() < 32 {
                return;
            }
            let stripe = std::mem::take(&mut self.waiting);
            self.stripe(&stripe);
        }
        let stripes = bytes.chunks_exact(32);
        self.waiting.extend_from_slice(stripes.remainder());
        stripes.for_each(|stripe| self.stripe(stripe));
    }

    fn stripe(&mut self, stripe: &[u8]) {
        for (lane, word) in self.lanes.iter_mut().zip(stripe.chunks_exact(8)) {
            *lane = round(*lane, number(word));
        }
    }

    pub(super) fn sum(&self) -> u64 {
        let [a, b, c, d] = self.lanes;
        let mut hash = if self.total < 32 {
            P5
        } else {
            let rotated =
                [a.rotate_left(1), b.rotate_left(7), c.rotate_left(12), d.rotate_left(18)];
            let sum = rotated.iter().fold(0_u64, |sum, lane| sum.wrapping_add(*lane));
            let merge =
                |hash: u64, lane: &u64| (hash ^ round(0, *lane)).wrapping_mul(P1).wrapping_add(P4);
            self.lanes.iter().fold(sum, merge)
        };
        hash = hash.wrapping_add(self.total);
        let mut words = self.waiting.chunks_exact(8);
        for word in &mut words {
            hash = (hash ^ round(0, number(word))).rotate_left(27);
            hash = hash.wrapping_mul(P1).wrapping_add(P4);
        }
        let mut rest = words.remainder();
        if let Some((half, behind)) = rest.split_at_checked(4) {
            hash = (hash ^ number(half).wrapping_mul(P1)).rotate_left(23);
            hash = hash.wrapping_mul(P2).wrapping_add(P3);
            rest = behind;
        }
        for byte in rest {
            hash = (hash ^ u64::from(*byte).wrapping_mul(P5)).rotate_left(11).wrapping_mul(P1);
        }
        hash = (hash ^ hash >> 33).wrapping_mul(P2);
        hash = (hash ^ hash >> 29).wrapping_mul(P3);
        hash ^ hash >> 32
    }
}

const fn round(lane: u64, word: u64) -> u64 {
    lane.wrapping_add(word.wrapping_mul(P2)).rotate_left(31).wrapping_mul(P1)
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
