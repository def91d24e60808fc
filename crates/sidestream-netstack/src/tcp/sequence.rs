//! Numbers that wrap (RFC 9293 §3.4).

use std::ops::{Add, Sub};

/// A sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number(pub(crate) u32);

impl Number {
    /// Whether it comes after the other, within half of the circle.
    pub(crate) const fn is_after(self, other: Self) -> bool {
        self.0.wrapping_sub(other.0).cast_signed() > 0
    }

    /// Returns how far it is ahead of the other, if it is not behind.
    pub(crate) const fn since(self, other: Self) -> Option<u32> {
        let ahead = self.0.wrapping_sub(other.0);
        if ahead.cast_signed() >= 0 { Some(ahead) } else { None }
    }

    /// Returns the later of both.
    pub(crate) const fn max(self, other: Self) -> Self {
        if other.is_after(self) { other } else { self }
    }
}

impl Add<u32> for Number {
    type Output = Self;

    fn add(self, by: u32) -> Self {
        Self(self.0.wrapping_add(by))
    }
}

impl Sub<u32> for Number {
    type Output = Self;

    fn sub(self, by: u32) -> Self {
        Self(self.0.wrapping_sub(by))
    }
}

impl Sub for Number {
    type Output = u32;

    /// How far it is from the other, forward.
    fn sub(self, from: Self) -> u32 {
        self.0.wrapping_sub(from.0)
    }
}
