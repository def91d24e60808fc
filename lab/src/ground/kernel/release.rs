//! Releases of kernels, and which of them is newer.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use anyhow::{Error, Result, ensure};

/// A release as `uname -r` has it, such as `6.1.0-50-cloud-amd64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    text: String,
    numbers: Vec<u32>,
}

impl Release {
    /// Returns its version as people ask for it: `6.1`.
    #[must_use]
    pub fn version(&self) -> String {
        format!("{}.{}", self.numbers[0], self.numbers[1])
    }

    /// Returns whether it is what somebody asks for by a version or by `newest`.
    #[must_use]
    pub fn is(&self, wanted: &str) -> bool {
        wanted == "newest" || self.version() == wanted
    }
}

impl FromStr for Release {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers = text.split(|c: char| !c.is_ascii_digit());
        let numbers: Vec<u32> = numbers.filter_map(|number| number.parse().ok()).collect();
        let starts = text.starts_with(|c: char| c.is_ascii_digit());
        ensure!(starts && numbers.len() >= 2, "no release of a kernel: {text:?}");
        Ok(Self { text: text.to_owned(), numbers })
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Ord for Release {
    fn cmp(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| self.text.cmp(&other.text))
    }
}

impl PartialOrd for Release {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_stand_in_the_order_of_their_numbers() {
        let names = [
            "5.10.0-32-cloud-amd64",
            "6.1.0-9-cloud-amd64",
            "6.1.0-50-cloud-amd64",
            "6.12.9+bpo-cloud-amd64",
            "6.12.107+deb13-cloud-amd64",
            "7.2.12+deb13-cloud-amd64",
        ];
        let releases: Vec<Release> = names.iter().map(|name| name.parse().unwrap()).collect();
        assert!(releases.is_sorted());
        assert_eq!(releases[4].version(), "6.12");
        assert!(releases[4].is("newest") && releases[4].is("6.12") && !releases[4].is("6.1"));
    }

    #[test]
    fn what_is_no_release_is_refused() {
        for bad in ["", "amd64", "cloud-6.1", "6"] {
            assert!(bad.parse::<Release>().is_err(), "{bad}");
        }
    }
}
