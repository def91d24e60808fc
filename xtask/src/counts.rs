//! How many tests passed, failed and were skipped.

use std::fmt;
use std::ops::AddAssign;

/// The tally of one or several test runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Counts {
    /// The tally of a run that could not be carried out.
    pub(crate) const NOT_RUN: Self = Self { passed: 0, failed: 1, skipped: 0 };

    /// Adds up the result lines of the standard test harness; `None` where there is no such line.
    pub(crate) fn from_harness(output: &str) -> Option<Self> {
        let mut lines = output.lines().filter_map(Self::from_result_line);
        let mut sum = lines.next()?;
        lines.for_each(|counts| sum += counts);
        Some(sum)
    }

    /// Moves tests that called themselves skipped from the passed, as which the harness sees them.
    pub(crate) fn with_skips(self, skips: usize) -> Self {
        Self { passed: self.passed.saturating_sub(skips), skipped: self.skipped + skips, ..self }
    }

    fn from_result_line(line: &str) -> Option<Self> {
        let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
        let number = |what: &str| -> Option<usize> {
            let part = counts.split(';').find(|part| part.trim_end().ends_with(what))?;
            part.split_whitespace().next()?.parse().ok()
        };
        Some(Self {
            passed: number("passed")?,
            failed: number("failed")?,
            skipped: number("ignored")?,
        })
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_up_what_the_harness_says() {
        let output = "test a ... ok\n\
            test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s\n\
            test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 7 filtered out; finished in 0.02s\n";
        let counts = Counts::from_harness(output).unwrap();
        assert_eq!(counts.to_string(), "7 passed, 3 failed, 1 skipped");
        assert_eq!(Counts::from_harness("error: no such file"), None);
    }

    #[test]
    fn takes_skips_from_the_passed() {
        let counts = Counts { passed: 5, failed: 1, skipped: 1 }.with_skips(2);
        assert_eq!(counts.to_string(), "3 passed, 1 failed, 3 skipped");
    }
}
