//! What stands between the load generator and the origin.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Serialize;

use super::nginx;
use super::part::{Part, Process};
use crate::Hello;

/// How long a proxy may take until it listens.
const PATIENCE: Duration = Duration::from_secs(20);

/// What each response is given, in the form of the option.
const RULE: &str = "|~s|x-seen|yes";

/// What stands in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Setup {
    /// Nothing.
    Direct,
    /// A plain TCP relay.
    Relay,
    /// Two connections of TLS with nothing between them.
    Bare,
    /// nginx, which ends TLS on both sides.
    Nginx,
    /// hudsucker, which intercepts and records nothing.
    Hudsucker,
    /// `sidestream run`, recording.
    Run,
    /// `sidestream run` without a session.
    Unrecorded,
    /// `sidestream run` without a session, with a rule that changes each response.
    Rules,
    /// `sidestream run --share-upstream`, recording.
    Shared,
    /// `sidestream --mode regular`, recording.
    Regular,
    /// `sidestream --mode local`, recording, which decrypts.
    Local,
    /// The same where the root is not trusted: TLS is passed on as it is.
    Passed,
    /// The same, when the client is not among the chosen processes.
    Beside,
    /// `sidestream --mode tun` without a session, with an MTU of 65520.
    Tun,
    /// The same with an MTU of 1500.
    TunShort,
}

/// What all setups of a comparison share.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) sidestream: PathBuf,
    /// hudsucker as a program.
    pub(super) hudsucker: Option<PathBuf>,
    /// This program.
    pub(super) bench: PathBuf,
    /// Where everything lies that is made, the origin's certificates included.
    pub(super) folder: PathBuf,
    pub(super) origin: [SocketAddr; 2],
}

/// A setup that runs.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) client: Part,
    /// The process to measure, and the one of its descendants that is not part of it.
    pub(super) proxy: Option<(u32, Option<u32>)>,
    /// Kept until the end.
    pub(super) relay: Option<Part>,
    pub(super) server: Option<Process>,
    /// Where Sidestream's complaints go.
    pub(super) said: Option<PathBuf>,
}

impl Setup {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Direct,
        Self::Relay,
        Self::Bare,
        Self::Nginx,
        Self::Hudsucker,
        Self::Run,
        Self::Unrecorded,
        Self::Rules,
        Self::Shared,
        Self::Regular,
        Self::Local,
        Self::Passed,
        Self::Beside,
        Self::Tun,
        Self::TunShort,
    ];

    /// Its name on the command line and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Relay => "relay",
            Self::Bare => "bare",
            Self::Nginx => "nginx",
            Self::Hudsucker => "hudsucker",
            Self::Run => "run",
            Self::Unrecorded => "unrecorded",
            Self::Rules => "rules",
            Self::Shared => "shared",
            Self::Regular => "regular",
            Self::Local => "local",
            Self::Passed => "passed",
            Self::Beside => "beside",
            Self::Tun => "tun",
            Self::TunShort => "tun-1500",
        }
    }

    /// Whether it does nothing with other protocols.
    pub(super) fn is_of_tls_alone(self) -> bool {
        matches!(self, Self::Bare | Self::Nginx | Self::Hudsucker | Self::Rules | Self::Shared)
    }

    /// Says what is missing for it.
    pub(super) fn missing(self, can_capture: bool, has_hudsucker: bool) -> Option<String> {
        match self {
            Self::Hudsucker if !has_hudsucker => {
                Some("no program was given; cargo xtask bench builds one".to_owned())
            }
            Self::Nginx if nginx::program().is_none() => {
                Some("no nginx here; apt-get install --no-install-recommends nginx".to_owned())
            }
            Self::Local | Self::Passed | Self::Beside if !can_capture => {
                Some("only root of the machine captures all of it".to_owned())
            }
            Self::Tun | Self::TunShort if !Path::new("/dev/net/tun").exists() => {
                Some("the kernel has no TUN devices here; modprobe tun".to_owned())
            }
            _ => None,
        }
    }

    /// Starts it, with a load generator that waits for jobs.
    pub(super) fn start(self, place: &Place) -> anyhow::Result<Session> {
        let started = match self {
            Self::Direct => place.direct(),
            Self::Relay => place.relay(),
            Self::Bare => place.bare(),
            Self::Nginx => place.nginx(),
            Self::Hudsucker => place.hudsucker(),
            Self::Run => place.run(true, &[]),
            Self::Unrecorded => place.run(false, &[]),
            Self::Rules => place.run(false, &["--modify-headers", RULE]),
            Self::Shared => place.run(true, &["--share-upstream"]),
            Self::Regular => place.regular(),
            Self::Local => place.local(&["--ca-trusted"]),
            Self::Passed => place.local(&[]),
            Self::Beside => place.beside(),
            Self::Tun => place.tun(65_520),
            Self::TunShort => place.tun(1500),
        };
        started.with_context(|| format!("starting the setup {}", self.name()))
    }
}

impl Session {
    /// Ends it, and gives what it complained of.
    pub(super) fn end(self) -> Vec<String> {
        let Self { client, relay, server, said, .. } = self;
        // First, so that it does not complain that its client has gone with all its network.
        if let Some(mut server) = server {
            server.end();
        }
        drop((client, relay));
        let said = said.and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        said.lines().map(str::to_owned).collect()
    }
}

impl Place {
    fn direct(&self) -> anyhow::Result<Session> {
        let client =
            Part::start("the client", self.client(self.origin).arg("--ca").arg(self.ca()))?;
        let _: Hello = client.hear()?;
        Ok(Session { client, proxy: None, relay: None, server: None, said: None })
    }

    fn relay(&self) -> anyhow::Result<Session> {
        let mut command = Command::new(&self.bench);
        command.arg("relay").args(self.origin.map(|addr| addr.to_string()));
        let relay = Part::start("the relay", &mut command)?;
        let hello: Hello = relay.hear()?;
        let Ok(to) = <[SocketAddr; 2]>::try_from(hello.listening) else {
            bail!("the relay listens elsewhere");
        };
        let client = Part::start("the client", self.client(to).arg("--ca").arg(self.ca()))?;
        let _: Hello = client.hear()?;
        let proxy = Some((relay.pid(), None));
        Ok(Session { client, proxy, relay: Some(relay), server: None, said: None })
    }

    fn bare(&self) -> anyhow::Result<Session> {
        let root = self.folder.join("bare.pem");
        let mut command = Command::new(&self.bench);
        command.arg("bare").arg(self.ca()).arg(&root);
        command.args(self.origin.map(|addr| addr.to_string()));
        let relay = Part::start("the bare relay", &mut command)?;
        let hello: Hello = relay.hear()?;
        let Ok(to) = <[SocketAddr; 2]>::try_from(hello.listening) else {
            bail!("the bare relay listens elsewhere");
        };
        let client = Part::start("the client", self.client(to).arg("--ca").arg(root))?;
        let _: Hello = client.hear()?;
        let proxy = Some((relay.pid(), None));
        Ok(Session { client, proxy, relay: Some(relay), server: None, said: None })
    }

    fn hudsucker(&self) -> anyhow::Result<Session> {
        let addr = free_port()?;
        let program = self.hudsucker.as_ref().context("hudsucker has gone")?;
        let root = self.folder.join("hudsucker.pem");
        let mut command = ended_with_us(program);
        command.args([addr, self.origin[0]].map(|addr| addr.to_string()));
        let mut server = Process::start("hudsucker", command.arg(self.ca()).arg(&root))?;
        until_listening(&mut server, addr)?;
        let mut client = self.client(self.origin);
        client.args(["--by-name", "--proxy"]).arg(addr.to_string()).arg("--ca").arg(root);
        let client = Part::start("the client", &mut client)?;
        let _: Hello = client.hear()?;
        let proxy = Some((server.pid(), None));
        Ok(Session { client, proxy, relay: None, server: Some(server), said: None })
    }

    fn nginx(&self) -> anyhow::Result<Session> {
        let addr = free_port()?;
        let program = nginx::program().context("nginx has gone")?;
        let folder = self.fresh("nginx")?;
        let config = nginx::write(&folder, addr, self.origin[0], &self.folder)?;
        let mut command = ended_with_us(&program);
        command.arg("-p").arg(&folder).arg("-e").arg(folder.join("error.log"));
        let mut server = Process::start("nginx", command.arg("-c").arg(config))?;
        until_listening(&mut server, addr)?;
        let mut client = self.client([addr, addr]);
        let client = Part::start("the client", client.arg("--ca").arg(self.ca()))?;
        let _: Hello = client.hear()?;
        let proxy = Some((server.pid(), None));
        Ok(Session { client, proxy, relay: None, server: Some(server), said: None })
    }

    fn run(&self, is_recorded: bool, options: &[&str]) -> anyhow::Result<Session> {
        let mut command = Command::new(&self.sidestream);
        command.arg("run").args(options);
        if is_recorded {
            self.recording(&mut command)?;
        } else {
            self.quiet(&mut command)?;
        }
        let client = self.client(self.origin);
        command.arg("--").arg(client.get_program()).args(client.get_args());
        let said = self.complaints(&mut command)?;
        let client = Part::start("sidestream run", &mut command)?;
        let hello: Hello = client.hear()?;
        let proxy = Some((client.pid(), Some(hello.pid)));
        Ok(Session { client, proxy, relay: None, server: None, said })
    }

    fn regular(&self) -> anyhow::Result<Session> {
        let addr = free_port()?;
        let mut command = ended_with_us(&self.sidestream);
        command.arg("--mode").arg(format!("regular@{addr}"));
        let said = self.complaints(self.recording(&mut command)?)?;
        let mut server = Process::start("sidestream", &mut command)?;
        until_listening(&mut server, addr)?;
        let mut command = self.client(self.origin);
        command.arg("--proxy").arg(addr.to_string());
        command.arg("--ca").arg(self.conf().join("root-cert.pem"));
        let client = Part::start("the client", &mut command)?;
        let _: Hello = client.hear()?;
        let proxy = Some((server.pid(), None));
        Ok(Session { client, proxy, relay: None, server: Some(server), said })
    }

    /// Has what the command complains of written down.
    pub(super) fn complaints(&self, command: &mut Command) -> anyhow::Result<Option<PathBuf>> {
        let path = self.folder.join("complaints");
        command.stderr(File::create(&path).context("making a file for complaints")?);
        Ok(Some(path))
    }

    pub(super) fn client(&self, to: [SocketAddr; 2]) -> Command {
        let mut command = Command::new(&self.bench);
        command.arg("client").args(to.map(|addr| addr.to_string()));
        command
    }

    /// Adds the options of a quiet proxy that records to a new session.
    pub(super) fn recording<'a>(
        &self,
        command: &'a mut Command,
    ) -> anyhow::Result<&'a mut Command> {
        let session = self.fresh("session")?.join("session");
        self.quiet(command)?.arg("--session").arg(session);
        Ok(command)
    }

    /// Adds the options of a quiet proxy.
    pub(super) fn quiet<'a>(&self, command: &'a mut Command) -> anyhow::Result<&'a mut Command> {
        command.arg("--quiet").arg("--ca").arg(self.ca()).arg("--confdir").arg(self.conf());
        // What the user has configured is not what is measured.
        Ok(command.env("SIDESTREAM_CONFIG", self.config()?))
    }

    fn config(&self) -> anyhow::Result<PathBuf> {
        let path = self.folder.join("config.toml");
        fs::write(&path, "").context("writing an empty configuration")?;
        Ok(path)
    }

    pub(super) fn ca(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    pub(super) fn conf(&self) -> PathBuf {
        self.folder.join("conf")
    }

    /// Makes a folder anew, without what was in it.
    fn fresh(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.folder.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)
                .with_context(|| format!("removing {}", folder.display()))?;
        }
        fs::create_dir(&folder).with_context(|| format!("making {}", folder.display()))?;
        Ok(folder)
    }
}

/// Makes a command that ends when this process does, however that is.
pub(crate) fn ended_with_us(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program).stdin(Stdio::null());
    command
}

fn free_port() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn until_listening(server: &mut Process, addr: SocketAddr) -> anyhow::Result<()> {
    let until = Instant::now() + PATIENCE;
    while TcpStream::connect(addr).is_err() {
        server.check()?;
        if Instant::now() > until {
            bail!("nobody listens on {addr}");
        }
        sleep(Duration::from_millis(10));
    }
    Ok(())
}
