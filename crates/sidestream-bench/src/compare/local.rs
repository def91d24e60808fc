//! The setups of `--mode local`, and how long it takes to begin.

use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::ensure;

use super::measure::Sample;
use super::part::{Part, Process};
use super::setup::{Place, Session, ended_with_us};
use super::unit::Metric;
use crate::Hello;
use crate::captured::is_captured;

/// How long the beginning may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for a word, and becomes what is asked for then.
pub(super) const WAIT: &str = r#"read -r word && exec "$@""#;

impl Place {
    /// Captures the client, whose process is there first.
    pub(super) fn local(&self, args: &[&str]) -> anyhow::Result<Session> {
        let mut client = self.client(self.origin);
        client.arg("--captured").arg("--ca").arg(self.ca());
        client.arg("--ca").arg(self.conf().join("root-cert.pem"));
        let (client, server, said) = self.capture(&client, args)?;
        let proxy = Some((server.pid(), None));
        Ok(Session { client, proxy, relay: None, server: Some(server), said })
    }

    /// Captures another process than the client.
    pub(super) fn beside(&self) -> anyhow::Result<Session> {
        let mut other = self.client(self.origin);
        other.arg("--captured").arg("--ca").arg(self.ca());
        let (other, server, said) = self.capture(&other, &[])?;
        let client =
            Part::start("the client", self.client(self.origin).arg("--ca").arg(self.ca()))?;
        let _: Hello = client.hear()?;
        let proxy = Some((server.pid(), None));
        Ok(Session { client, proxy, relay: Some(other), server: Some(server), said })
    }

    /// Has what a command becomes captured before it begins.
    fn capture(&self, chosen: &Command, args: &[&str]) -> anyhow::Result<Captured> {
        let mut waiting = Command::new("sh");
        waiting.args(["-c", WAIT, "waiting"]).arg(chosen.get_program()).args(chosen.get_args());
        let mut chosen = Part::start("the client", &mut waiting)?;
        let mut command = ended_with_us(&self.sidestream);
        command.arg("--mode").arg(format!("local:tree:pid:{}", chosen.pid())).args(args);
        let said = self.complaints(self.recording(&mut command)?)?;
        let mut server = Process::start("sidestream", &mut command)?;
        let started = Instant::now();
        while !self.conf().join("root-cert.pem").exists() {
            server.check()?;
            ensure!(started.elapsed() < PATIENCE, "there is no root certificate");
            sleep(Duration::from_millis(5));
        }
        // It says hello once it is captured.
        let _: Hello = chosen.ask(&"go")?;
        Ok((chosen, server, said))
    }

    /// Takes the time until this process is captured, `times` times.
    pub(super) fn capture_time(&self, times: usize) -> anyhow::Result<Sample> {
        // The first start makes the root certificate and reads files.
        self.one_capture()?;
        let taken: anyhow::Result<Vec<Duration>> = (0..times).map(|_| self.one_capture()).collect();
        let mut taken = taken?;
        taken.sort_unstable();
        let median = taken[times / 2].as_secs_f64() * 1e3;
        Ok(Sample { figures: [(Metric::Ms, median)].into(), agreed: String::new() })
    }

    fn one_capture(&self) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        while is_captured() {
            ensure!(begun.elapsed() < PATIENCE, "the capture before does not end");
            sleep(Duration::from_millis(5));
        }
        let mut command = Command::new(&self.sidestream);
        command.arg("--mode").arg(format!("local:pid:{}", std::process::id()));
        self.complaints(self.recording(&mut command)?)?;
        let started = Instant::now();
        let mut server = Process::start("sidestream", &mut command)?;
        while !is_captured() {
            server.check()?;
            ensure!(started.elapsed() < PATIENCE, "nothing is captured");
            sleep(Duration::from_micros(200));
        }
        let taken = started.elapsed();
        server.end();
        Ok(taken)
    }
}

/// A chosen process, what captures it, and where the latter's complaints go.
type Captured = (Part, Process, Option<std::path::PathBuf>);
