//! How it ends: in good order or by `kill -9`, and what is left.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{BY_SPEC, CAPTURING, KERNELS, PLAIN, http};
use crate::ground::{Part, Signal};
use crate::lab::Lab;
use crate::model::{Driver, ServeHttp};
use crate::scenario::Scenario;

/// What scenarios of ends have in common.
const END: Scenario = Scenario { drivers: BY_SPEC, grounds: KERNELS, ..PLAIN };

/// Within this, everything is as it was; only a failing trial waits so long.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const GROUP: &[Scenario] = &[
    Scenario {
        name: "ends/in-good-order",
        shows: "nothing is left when it ends",
        drivers: CAPTURING,
        apart: &[(Driver::Run, "without it a command is not run at all")],
        run: |lab| {
            let before = begin(lab)?;
            lab.get("app", "http://origin/captured")?;
            lab.stop()?;
            is_as_before(lab, &before)?;
            after(lab)
        },
        ..END
    },
    Scenario {
        name: "ends/killed-proxy",
        shows: "programs go on directly when the proxy is killed, and nothing is left",
        run: |lab| killed(lab, Part::Proxy),
        ..END
    },
    Scenario {
        name: "ends/killed-helper",
        shows: "programs go on directly when the helper is killed, and nothing is left",
        run: |lab| killed(lab, Part::Helper),
        ..END
    },
    Scenario {
        name: "ends/killed-both",
        shows: "programs go on directly when both are killed, and nothing is left",
        // Stopped, the proxy does not notice the helper's end before its own.
        run: |lab| {
            let (kill, stop) = (Signal::Kill, Signal::Stop);
            ended_by(lab, &[(Part::Proxy, stop), (Part::Helper, kill), (Part::Proxy, kill)])
        },
        ..END
    },
    Scenario {
        name: "ends/stands-still",
        shows: "a proxy that stands still is gone around, and captures again when it goes on",
        run: |lab| {
            begin(lab)?;
            lab.get("app", "http://origin/captured")?;
            lab.signal(Part::Proxy, Signal::Stop)?;
            // The heartbeat is over after one second.
            thread::sleep(Duration::from_millis(1500));
            lab.get("app", "http://origin/around")?;
            lab.signal(Part::Proxy, Signal::Continue)?;
            thread::sleep(Duration::from_millis(1500));
            lab.get("app", "http://origin/captured-again").map(drop)
        },
        ..END
    },
];

/// Captures curl; returns what was there before.
fn begin(lab: &mut Lab) -> Result<String> {
    lab.hosts(&["app", "origin"])?;
    lab.serve("origin", http(ServeHttp::default()))?;
    let before = lab.traces("app")?;
    lab.intercept("app", "curl")?;
    if lab.driver() == Driver::Local {
        let during = lab.traces("app")?;
        ensure!(during != before, "capturing is not to be seen in what is compared:\n{during}");
    }
    Ok(before)
}

fn killed(lab: &mut Lab, part: Part) -> Result<()> {
    ended_by(lab, &[(part, Signal::Kill)])
}

fn ended_by(lab: &mut Lab, signals: &[(Part, Signal)]) -> Result<()> {
    let before = begin(lab)?;
    lab.get("app", "http://origin/captured")?;
    for (part, signal) in signals {
        lab.signal(*part, *signal)?;
    }
    is_as_before(lab, &before)?;
    after(lab)
}

fn after(lab: &mut Lab) -> Result<()> {
    lab.note("the machine is as before");
    if lab.driver() == Driver::Local {
        lab.get("app", "http://origin/direct")?;
    }
    Ok(())
}

fn is_as_before(lab: &mut Lab, before: &str) -> Result<()> {
    let started = Instant::now();
    loop {
        let now = lab.traces("app").context("what is left")?;
        if now == *before {
            return Ok(());
        }
        let late = started.elapsed() > PATIENCE;
        ensure!(!late, "not as before after {PATIENCE:?}\n-- before\n{before}\n-- now\n{now}");
        thread::sleep(Duration::from_millis(50));
    }
}
