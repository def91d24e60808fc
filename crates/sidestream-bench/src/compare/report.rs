//! What came out, for machines and for the table.

use std::collections::BTreeMap;

use serde::Serialize;

use super::machine::Machine;
use super::setup::Setup;
use super::unit::{Metric, Unit};
use super::{Options, Samples};
use crate::{Source, Spread};

/// All that a comparison found.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    pub(super) machine: Machine,
    /// What is counted.
    pub(super) counted: Source,
    pub(super) rounds: usize,
    pub(super) quick: bool,
    pub(super) rows: Vec<Row>,
    pub(super) skipped: Vec<Skipped>,
    /// What Sidestream complained of: content that is not recorded costs nothing to record.
    pub(super) complaints: Vec<String>,
}

/// A unit in a setup.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    pub(super) unit: Unit,
    pub(super) setup: Setup,
    /// Application protocol and key exchange, of the client and of the origin where they differ.
    pub(super) agreed: String,
    pub(super) figures: BTreeMap<Metric, Spread>,
    /// What Sidestream is to keep below.
    pub(super) targets: Vec<Target>,
}

/// A target, and whether it is met.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Target {
    pub(super) metric: Metric,
    pub(super) at_most: f64,
    /// `None` where it cannot be measured.
    pub(super) median: Option<f64>,
}

/// A setup that could not be measured.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Skipped {
    pub(super) setup: Setup,
    pub(super) reason: String,
}

impl Report {
    pub(super) fn begin(options: &Options, counted: Source, skipped: Vec<Skipped>) -> Self {
        let Options { rounds, quick, .. } = *options;
        Self {
            machine: Machine::read(),
            counted,
            rounds,
            quick,
            rows: Vec::new(),
            skipped,
            complaints: Vec::new(),
        }
    }

    pub(super) fn finish(&mut self, samples: &Samples) {
        for (&(unit, setup), samples) in samples {
            let mut values: BTreeMap<Metric, Vec<f64>> = BTreeMap::new();
            for sample in samples {
                for (&metric, &value) in &sample.figures {
                    values.entry(metric).or_default().push(value);
                }
            }
            let spreads = values.into_iter();
            let figures: BTreeMap<Metric, Spread> = spreads
                .filter_map(|(metric, values)| Some((metric, Spread::of(&values)?)))
                .collect();
            let judge = |(metric, at_most)| {
                let median = figures.get(&metric).map(|spread| spread.median);
                Target { metric, at_most, median }
            };
            let targets = unit.targets(setup).into_iter().map(judge).collect();
            let agreed = samples.first().map(|sample| sample.agreed.clone()).unwrap_or_default();
            self.rows.push(Row { unit, setup, agreed, figures, targets });
        }
    }
}

impl Row {
    /// Whether the row is not what it says: the load for HTTP/2 went over something else.
    pub(super) fn is_not_http2(&self) -> bool {
        self.unit == Unit::Http2 && !self.agreed.starts_with("h2 ")
    }
}

#[cfg(test)]
mod tests {
    use super::super::measure::Sample;
    use super::*;

    fn sample(agreed: &str, figures: &[(Metric, f64)]) -> Sample {
        Sample { agreed: agreed.into(), figures: figures.iter().copied().collect() }
    }

    fn rows(unit: Unit, setup: Setup, samples: Vec<Sample>) -> Vec<Row> {
        let options = Options::parse(["--sidestream", "s"].map(Into::into)).unwrap();
        let mut report = Report::begin(&options, Source::All, Vec::new());
        report.finish(&BTreeMap::from([((unit, setup), samples)]));
        report.rows
    }

    #[test]
    fn takes_the_median_of_the_rounds_and_holds_it_against_the_target() {
        let samples = [120e3, 140e3, 150e3]
            .map(|count| sample("h2 X25519", &[(Metric::Instructions, count)]));
        let row = rows(Unit::Http2, Setup::Run, samples.to_vec()).remove(0);
        assert!(!row.is_not_http2());
        assert_eq!(row.targets[0].median, Some(140e3));
        assert_eq!(row.figures[&Metric::Instructions].max, 150e3);
    }

    #[test]
    fn judges_nothing_that_was_not_counted() {
        let row =
            rows(Unit::Http1, Setup::Run, vec![sample("", &[(Metric::CpuUs, 20.0)])]).remove(0);
        assert_eq!(row.targets[0].median, None);
    }

    #[test]
    fn marks_http2_that_was_not() {
        let row = rows(Unit::Http2, Setup::Relay, vec![sample("http/1.1 X25519", &[])]).remove(0);
        assert!(row.is_not_http2());
        assert_eq!(row.targets, []);
    }
}
