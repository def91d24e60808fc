//! How long the eBPF programs of a setup run.

use std::collections::BTreeMap;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, ensure};

use super::unit::Metric;
use crate::sys::{Counting, Program, held_programs, programs};

/// How often the programs are looked at: a look during which somebody else had the processor in
/// the middle of a program says nothing of the program.
const LOOK: Duration = Duration::from_millis(20);

/// The fewest runs that a look counts with.
const FEWEST: u64 = 20;

/// Looks at the programs of some processes until the end.
#[derive(Debug)]
pub(super) struct Hooks {
    end: Sender<()>,
    looks: JoinHandle<Looks>,
}

/// How often programs ran and how long, by what they do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Times {
    connects: (u64, Duration),
    all: (u64, Duration),
}

type Looks = Vec<Times>;

impl Hooks {
    pub(super) fn begin(pids: &[u32]) -> anyhow::Result<Self> {
        let counting = Counting::begin().context("having the kernel count eBPF programs")?;
        let held = held_programs(pids);
        let (end, ended) = channel();
        let mut looks = vec![Times::of(&programs(&held))];
        let looks = thread::spawn(move || {
            let _counting = counting;
            loop {
                let over = ended.recv_timeout(LOOK) != Err(RecvTimeoutError::Timeout);
                looks.push(Times::of(&programs(&held)));
                if over {
                    return looks;
                }
            }
        });
        Ok(Self { end, looks })
    }

    /// Gives the time for each of `count` connects, those included that the proxy makes for them.
    pub(super) fn end(self, count: f64) -> anyhow::Result<BTreeMap<Metric, f64>> {
        drop(self.end);
        let looks = self.looks.join().ok().context("the thread that looks panicked")?;
        let hooks = each(looks.iter().map(|times| times.connects).collect(), count)?;
        let all = each(looks.iter().map(|times| times.all).collect(), count)?;
        Ok(BTreeMap::from([(Metric::HookNs, hooks), (Metric::AllHooksNs, all)]))
    }
}

impl Times {
    fn of(programs: &[Program]) -> Self {
        let mut times = Self::default();
        for Program { name, runs, time } in programs {
            times.all = (times.all.0 + runs, times.all.1 + *time);
            if name.starts_with("connect") {
                times.connects = (times.connects.0 + runs, times.connects.1 + *time);
            }
        }
        times
    }
}

/// Takes the median of what a run took between two looks, for as many runs as there were of each
/// of `count`; in nanoseconds.
fn each(looks: Vec<(u64, Duration)>, count: f64) -> anyhow::Result<f64> {
    let (first, last) = looks.first().zip(looks.last()).context("nothing was looked at")?;
    let runs = last.0 - first.0;
    ensure!(runs as f64 >= count, "only {runs} of {count} connects were seen");
    let mut run = Vec::new();
    let mut before = *first;
    for look in looks {
        let (runs, time) = (look.0 - before.0, look.1.saturating_sub(before.1));
        if runs >= FEWEST {
            run.push(time.as_secs_f64() * 1e9 / runs as f64);
            before = look;
        }
    }
    run.sort_by(f64::total_cmp);
    let median = run.get(run.len() / 2).context("too few connects were seen")?;
    Ok(median * runs as f64 / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupted_program_is_no_longer_one() {
        let look = |runs, us| (runs, Duration::from_micros(us));
        // A hundred runs of 1 µs each, save where 5 ms were somebody else's; and few at the end.
        let looks = vec![look(10, 10), look(110, 110), look(210, 5210), look(310, 5310)];
        assert_eq!(each(looks.clone(), 300.0).unwrap().round(), 1000.0);
        assert_eq!(each(looks.clone(), 150.0).unwrap().round(), 2000.0);
        assert!(each(looks, 400.0).is_err());
    }
}
