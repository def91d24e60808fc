//! The setups of `--mode tun`: the client has a network of its own, with nothing in it but the device.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::local::WAIT;
use super::part::{Part, Process};
use super::setup::{Place, Session, ended_with_us};
use crate::Hello;

/// How long the beginning may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The device.
const NAME: &str = "bench0";

/// Where the client reaches the origin, of the addresses for measurements (RFC 2544).
const ORIGIN: [u8; 4] = [198, 18, 0, 1];

/// Has the origin answer there; it does already after the first time.
const ANSWER: &str = "ip address replace 198.18.0.1/32 dev lo";

impl Place {
    /// Takes the packets of the client.
    pub(super) fn tun(&self, mtu: u32) -> anyhow::Result<Session> {
        say(ANSWER)?;
        let to = self.origin.map(|addr| (ORIGIN, addr.port()).into());
        let client = self.client(to);
        let mut waiting = Command::new("unshare");
        waiting.args(["--net", "sh", "-c", WAIT, "waiting"]).arg(client.get_program());
        waiting.args(client.get_args()).arg("--ca").arg(self.ca());
        waiting.arg("--ca").arg(self.conf().join("root-cert.pem"));
        let mut client = Part::start("the client", &mut waiting)?;
        let pid = client.pid();
        let started = Instant::now();
        while network("self")? == network(&pid.to_string())? {
            ensure!(started.elapsed() < PATIENCE, "the client has no network of its own");
            sleep(Duration::from_millis(1));
        }

        let mut command = ended_with_us(&self.sidestream);
        command.arg("--mode").arg(format!("tun:{NAME}")).arg("--ca-trusted");
        let said = self.complaints(self.quiet(&mut command)?)?;
        let mut server = Process::start("sidestream", &mut command)?;
        while !self.conf().join("root-cert.pem").exists()
            // Before it is up the proxy is not done with it.
            || say(&format!("ip link show {NAME} up 2>/dev/null | grep -q .")).is_err()
        {
            server.check()?;
            ensure!(started.elapsed() < PATIENCE, "there is no device {NAME}");
            sleep(Duration::from_millis(10));
        }
        say(&format!("ip link set {NAME} netns {pid}"))?;
        for line in [
            format!("ip address add 198.18.0.2/32 dev {NAME}"),
            format!("ip link set {NAME} mtu {mtu} up"),
            format!("ip route add default dev {NAME}"),
        ] {
            say(&format!("nsenter --net --target {pid} {line}"))?;
        }
        let _: Hello = client.ask(&"go")?;
        let proxy = Some((server.pid(), None));
        Ok(Session { client, proxy, relay: None, server: Some(server), said })
    }
}

/// Tells networks apart.
fn network(pid: &str) -> anyhow::Result<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/net")).context("looking at a process's network")
}

/// Has a shell do something.
fn say(line: &str) -> anyhow::Result<()> {
    let status = Command::new("sh").args(["-c", line]).status().context("starting a shell")?;
    ensure!(status.success(), "{line}: {status}");
    Ok(())
}
