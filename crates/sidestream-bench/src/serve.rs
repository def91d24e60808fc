//! The parts as processes: they say hello, do what each line of standard input asks, and end with it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use sidestream_testkit::TestCa;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines, Stdin, Stdout, stdin, stdout};
use tokio::net::TcpListener;

use crate::bare::{Tls, bare};
use crate::client::{Client, roots};
use crate::{Job, Origin, relay};

/// What a part says first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Its process.
    pub pid: u32,
    /// Where it listens: for X25519, then for X25519MLKEM768.
    pub listening: Vec<SocketAddr>,
}

/// The two ends of the conversation with whoever started us.
struct Talk {
    input: Lines<BufReader<Stdin>>,
    output: Stdout,
}

impl Talk {
    async fn begin(listening: Vec<SocketAddr>) -> anyhow::Result<Self> {
        let mut this = Self { input: BufReader::new(stdin()).lines(), output: stdout() };
        this.say(&Hello { pid: std::process::id(), listening }).await?;
        Ok(this)
    }

    async fn say(&mut self, what: &impl Serialize) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(what)?;
        line.push(b'\n');
        self.output.write_all(&line).await?;
        Ok(self.output.flush().await?)
    }

    async fn hear(&mut self) -> anyhow::Result<Option<String>> {
        Ok(self.input.next_line().await?)
    }
}

/// Serves jobs: a line with a job is answered when it is prepared, the next line begins it.
///
/// # Errors
///
/// A job failed or makes no sense.
pub async fn serve_client(client: Client) -> anyhow::Result<()> {
    let mut talk = Talk::begin(Vec::new()).await?;
    let mut held = None;
    while let Some(line) = talk.hear().await? {
        let job: Job = serde_json::from_str(&line).context("reading a job")?;
        // What the job before left open is closed before this one is measured.
        drop(held.take());
        let (mut ready, prepared) = client.prepare(&job).await?;
        talk.say(&prepared).await?;
        if talk.hear().await?.is_none() {
            break;
        }
        talk.say(&ready.go().await?).await?;
        held = Some(ready);
    }
    Ok(())
}

/// Serves as the origin; any line is answered with what was seen since the last.
///
/// # Errors
///
/// It cannot listen, or the folder for its certificates cannot be written to.
pub async fn serve_origin(folder: &Path) -> anyhow::Result<()> {
    // It is asked for by other addresses as well, of a network that is the comparison's own.
    let origin = Origin::start_at(TestCa::new(), Ipv4Addr::UNSPECIFIED).await?;
    origin.write(folder)?;
    let here = |addr: SocketAddr| (Ipv4Addr::LOCALHOST, addr.port()).into();
    let mut talk = Talk::begin(vec![here(origin.classic), here(origin.hybrid)]).await?;
    while talk.hear().await?.is_some() {
        talk.say(&origin.take_seen()).await?;
    }
    Ok(())
}

/// Relays to each of the addresses from a port of its own.
///
/// # Errors
///
/// It cannot listen, or was asked something.
pub async fn serve_relay(to: &[SocketAddr]) -> anyhow::Result<()> {
    let mut listening = Vec::new();
    for &to in to {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        listening.push(listener.local_addr()?);
        tokio::spawn(relay(listener, to));
    }
    until_ended(listening).await
}

/// Ends TLS in front of each of the addresses, from a port of its own; the certificate of its
/// authority is written to `root`.
///
/// # Errors
///
/// It cannot listen, read or write a certificate, or was asked something.
pub async fn serve_bare(trusted: &Path, root: &Path, to: &[SocketAddr]) -> anyhow::Result<()> {
    let ca = TestCa::new();
    fs::write(root, ca.pem()).with_context(|| format!("writing {}", root.display()))?;
    let roots = roots(&[trusted.to_owned()])?;
    let tls = Tls::new(ca, roots);
    let mut listening = Vec::new();
    for &to in to {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        listening.push(listener.local_addr()?);
        tokio::spawn(bare(listener, to, tls.clone()));
    }
    until_ended(listening).await
}

async fn until_ended(listening: Vec<SocketAddr>) -> anyhow::Result<()> {
    let mut talk = Talk::begin(listening).await?;
    match talk.hear().await? {
        Some(line) => bail!("a relay is asked nothing: {line}"),
        None => Ok(()),
    }
}
