//! How many handshakes are looked into: more than a few a second cost their senders proof of
//! where they are, and each place then has a small share.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How many handshake messages a second are looked into before their senders have to prove where
/// they are. One costs some 0.2 ms of a processor.
pub(crate) const UNPROVEN_A_SECOND: u64 = 100;
/// How many handshakes a second a place may have looked into then, and how many at once.
const SHARE_A_SECOND: u32 = 20;
const SHARE_AT_ONCE: u32 = 5;
/// How many places are remembered; beyond, none is served that is not known.
const MAX_PLACES: usize = 16_384;
const SECOND: Duration = Duration::from_secs(1);

/// Counts handshakes, by when and whence they come.
#[derive(Debug)]
pub(crate) struct Load {
    began: Instant,
    count: u64,
    places: HashMap<IpAddr, Place>,
}

#[derive(Debug)]
struct Place {
    /// What is left of its share, in thousandths of a handshake.
    left: u32,
    at: Instant,
}

impl Load {
    pub(crate) fn new(now: Instant) -> Self {
        Self { began: now, count: 0, places: HashMap::new() }
    }

    /// Takes note of a handshake whose sender may have proven where it is, and returns whether it
    /// is to be looked into.
    pub(crate) fn admits(&mut self, from: IpAddr, now: Instant) -> bool {
        if now.saturating_duration_since(self.began) >= SECOND {
            (self.began, self.count) = (now, 0);
            // Whoever has its whole share is like one that was never heard of.
            self.places.retain(|_, place| now.saturating_duration_since(place.at) < SECOND);
        }
        self.count += 1;
        if self.count <= UNPROVEN_A_SECOND {
            return true;
        }
        let from = network(from);
        if !self.places.contains_key(&from) && self.places.len() >= MAX_PLACES {
            return false;
        }
        let full = SHARE_AT_ONCE * 1000;
        let place = self.places.entry(from).or_insert(Place { left: full, at: now });
        let passed = now.saturating_duration_since(place.at).as_millis();
        let gained = u32::try_from(passed).unwrap_or(full).saturating_mul(SHARE_A_SECOND);
        place.left = place.left.saturating_add(gained).min(full);
        place.at = now;
        let admitted = place.left >= 1000;
        if admitted {
            place.left -= 1000;
        }
        admitted
    }
}

/// Returns what one customer usually has: an address of IPv4, 64 bits of IPv6.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() >> 64 << 64).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn under_load_each_place_has_its_share() {
        let start = Instant::now();
        let mut load = Load::new(start);
        let (one, other) = ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap());
        let far = "192.0.2.1".parse().unwrap();
        assert!((0..UNPROVEN_A_SECOND).all(|_| load.admits(one, start)));
        let admitted =
            |load: &mut Load, from, now| (0..50).filter(|_| load.admits(from, now)).count();
        assert_eq!(admitted(&mut load, one, start), 5);
        assert_eq!(admitted(&mut load, other, start), 0, "of the same network");
        assert_eq!(admitted(&mut load, far, start), 5);
        let later = start + Duration::from_millis(100);
        assert_eq!(admitted(&mut load, one, later), 2);
    }
}
