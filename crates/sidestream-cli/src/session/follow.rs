//! `session list --follow`: lines as they come to their end, while another process records.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use sidestream::filter::Filter;
use sidestream::list::{Change, Line, LineId, List, Step};
use sidestream::store::{Reader, is_recorded};
use tokio::time::{MissedTickBehavior, interval};

use super::line::{Form, Printed};
use super::{Damage, is_gone, tell_losses};
use crate::exit::Exit;

/// How often it is asked whether something came: some microseconds each.
const POLL: Duration = Duration::from_millis(100);

/// At each of so many of these looks it is also asked whether somebody still records.
const LOOKS: u32 = 5;

/// How many entries are taken up at once.
const STEP: usize = 10_000;

/// Prints the list of a session on standard output, and what comes to its end from then on, until
/// nobody records any more or a signal asks to end. What is open at the end of the recording is
/// printed then. What is damaged is told as it is come across, and the rest followed; the exit
/// status is not that of success then.
///
/// # Errors
///
/// The file is not a session or cannot be read.
pub fn follow(path: &Path, json: bool, filter: Option<&Filter>) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let followed = runtime.block_on(async {
        let mut signals = Signals::take()?;
        let mut follower = Follower::open(path, Form::of(json), filter)?;
        let mut looks = interval(POLL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for look in 0_u32.. {
            // Asked first: what it committed before it ended is then seen.
            let is_last = look.is_multiple_of(LOOKS) && !is_recorded(path)?;
            follower.catch_up()?;
            if is_last {
                follower.print_open()?;
                tell_losses(follower.list.reader())?;
                break;
            }
            tokio::select! {
                _ = looks.tick() => {}
                () = signals.next() => break,
            }
        }
        Ok(follower.damage.sum("events were left out"))
    });
    match followed {
        Err(error) if is_gone(&error) => Ok(Exit::Success),
        followed => followed.map(|is_damaged| match is_damaged {
            true => Exit::Failure,
            false => Exit::Success,
        }),
    }
}

/// A list, and which of its lines are not printed yet.
#[derive(Debug)]
struct Follower {
    list: List,
    form: Form,
    /// Those that have not come to their end.
    open: BTreeSet<LineId>,
    out: Vec<u8>,
    damage: Damage,
}

impl Follower {
    fn open(path: &Path, form: Form, filter: Option<&Filter>) -> anyhow::Result<Self> {
        let mut list = List::open(path)?;
        list.set_filter(filter.cloned())?;
        let (open, out, damage) = Default::default();
        let mut follower = Self { list, form, open, out, damage };
        // The records of what is there already are judged before, so that it comes in order.
        let mut changes = Vec::new();
        while !follower.update(&mut changes)? {
            changes.clear();
        }
        let Self { list, open, out, .. } = &mut follower;
        for line in list.window(0..list.len()) {
            see((form, list.reader()), out, open, &line)?;
        }
        follower.flush()?;
        Ok(follower)
    }

    /// Takes up some of what came, and returns whether that was all.
    fn update(&mut self, changes: &mut Vec<Change>) -> anyhow::Result<bool> {
        match self.list.update(STEP, changes) {
            Ok(is_all) => Ok(is_all),
            // The next is behind it.
            Err(error) => {
                self.damage.say(error)?;
                Ok(false)
            }
        }
    }

    /// Takes up what came, and prints what came to its end.
    fn catch_up(&mut self) -> anyhow::Result<()> {
        let mut changes = Vec::new();
        let mut is_all = false;
        while !is_all {
            changes.clear();
            is_all = self.update(&mut changes)?;
            let Self { list, form, open, out, .. } = self;
            for change in &changes {
                let is_new = matches!(change.step, Step::Inserted { .. });
                let was_open = open.remove(&change.id);
                let line = list.place_of(change.id).and_then(|place| list.get(place));
                if let Some(line) = line.filter(|_| is_new || was_open) {
                    see((*form, list.reader()), out, open, &line)?;
                }
            }
            self.flush()?;
        }
        Ok(())
    }

    /// Prints what has not come to its end, and will not.
    fn print_open(&mut self) -> anyhow::Result<()> {
        let Self { list, form, open, out, .. } = self;
        for line in list.window(0..list.len()).filter(|line| open.contains(&line.id)) {
            form.write(out, &Printed::of(&line, list.reader())?)?;
        }
        self.flush()
    }

    /// Prints whole lines at once.
    fn flush(&mut self) -> anyhow::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(&self.out)?;
        stdout.flush()?;
        self.out.clear();
        Ok(())
    }
}

fn see(
    (form, reader): (Form, &Reader),
    out: &mut Vec<u8>,
    open: &mut BTreeSet<LineId>,
    line: &Line<'_>,
) -> anyhow::Result<()> {
    if line.ended.is_none() {
        open.insert(line.id);
        return Ok(());
    }
    Ok(form.write(out, &Printed::of(line, reader)?)?)
}

/// The signals that ask to end.
#[cfg(unix)]
struct Signals(tokio::signal::unix::Signal, tokio::signal::unix::Signal);

#[cfg(unix)]
impl Signals {
    fn take() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self(signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn take() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
