//! Load that waits for the word to begin.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::task::JoinSet;

use super::Speech;
use super::connection::Connection;
use super::connects;
use super::raw::Raw;
use crate::origin::HOST;
use crate::{Done, Job, percentile};

/// What a request asks for.
const BODY: u64 = 1024;

/// How many requests or connections warm what is measured up.
const WARM_UP: u32 = 20;

/// How much warms a connection up of a protocol that nobody knows.
const RAW_WARM_UP: u64 = 1024 * 1024;

/// How many connections are opened at once that are to stay idle.
const IDLE_PARALLEL: u32 = 8;

/// Load that is prepared. Connections stay open until it is dropped.
#[derive(Debug)]
pub struct Ready {
    speech: Speech,
    job: Job,
    open: Vec<Connection>,
    raw: Option<Raw>,
}

impl Ready {
    pub(super) async fn prepare(
        speech: Speech,
        first: Option<Connection>,
        job: &Job,
    ) -> anyhow::Result<Self> {
        let open = first.into_iter().collect();
        let mut this = Self { speech, job: job.clone(), open, raw: None };
        match *job {
            Job::Requests { connections, .. } => {
                for _ in 1..connections {
                    this.open.push(Connection::open(&this.speech, HOST).await?);
                }
                for connection in &mut this.open {
                    for _ in 0..WARM_UP {
                        connection.get(BODY).await?;
                    }
                }
            }
            Job::Connect { .. } | Job::Connections { .. } | Job::Idle { .. } => {
                this.open.clear();
                let opened = this.open_many(WARM_UP, 1, None, true).await?;
                drop(opened);
            }
            Job::Raw { .. } => {
                let raw = this.raw.insert(Raw::open(this.speech.route).await?);
                // What is known of such a connection is decided by its first bytes.
                raw.get(RAW_WARM_UP).await?;
            }
            Job::RawConnections { .. } => this.open_raw(WARM_UP, 1).await?,
            Job::Transfer { .. } | Job::Latency { .. } => {
                for _ in 0..WARM_UP {
                    this.open[0].get(BODY).await?;
                }
            }
        }
        Ok(this)
    }

    /// Does what was prepared.
    ///
    /// # Errors
    ///
    /// A connection, a handshake or a request failed.
    pub async fn go(&mut self) -> anyhow::Result<Done> {
        let started = Instant::now();
        let mut times = Vec::new();
        match self.job {
            Job::Requests { count, streams, .. } => self.request_many(count, streams).await?,
            Job::Connections { count, parallel, first_host, .. } => {
                self.open_many(count, parallel, first_host, true).await?;
            }
            Job::Transfer { up, bytes } => {
                let connection = &mut self.open[0];
                if up { connection.post(bytes).await } else { connection.get(bytes).await }?;
            }
            Job::Raw { up, bytes } => {
                let raw = self.raw.as_mut().context("nothing was prepared")?;
                if up { raw.put(bytes).await } else { raw.get(bytes).await }?;
            }
            Job::RawConnections { count, parallel } => self.open_raw(count, parallel).await?,
            Job::Idle { count } => {
                self.open = self.open_many(count, IDLE_PARALLEL, None, false).await?;
            }
            Job::Connect { count, udp } => {
                let to = self.speech.route.to;
                let task = tokio::task::spawn_blocking(move || connects::time(to, count, udp));
                times = task.await??;
            }
            Job::Latency { count } => times = self.time_each(count).await?,
        }
        times.sort_unstable();
        Ok(Done {
            elapsed_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
            p50_ns: percentile(&times, 50),
            p99_ns: percentile(&times, 99),
        })
    }

    /// Shares requests among all open connections, and on each among streams if it has any.
    async fn request_many(&mut self, count: u32, streams: u32) -> anyhow::Result<()> {
        let left = Arc::new(AtomicU32::new(count));
        let mut tasks = JoinSet::new();
        for mut connection in self.open.drain(..) {
            for _ in 1..streams {
                let Some(mut stream) = connection.stream() else { break };
                let left = Arc::clone(&left);
                tasks.spawn(async move {
                    while take(&left).is_some() {
                        stream.get(BODY).await?;
                    }
                    anyhow::Ok(None)
                });
            }
            let left = Arc::clone(&left);
            tasks.spawn(async move {
                while take(&left).is_some() {
                    connection.get(BODY).await?;
                }
                Ok(Some(connection))
            });
        }
        // They stay open until the next job, so that their end is not measured.
        while let Some(ended) = tasks.join_next().await {
            self.open.extend(ended??);
        }
        Ok(())
    }

    /// Opens connections and makes a request on each; gives them unless they are to be closed.
    async fn open_many(
        &self,
        count: u32,
        parallel: u32,
        first_host: Option<u32>,
        close: bool,
    ) -> anyhow::Result<Vec<Connection>> {
        let left = Arc::new(AtomicU32::new(count));
        let mut tasks = JoinSet::new();
        for _ in 0..parallel {
            let (left, speech) = (Arc::clone(&left), self.speech.clone());
            tasks.spawn(async move {
                let mut open = Vec::new();
                while let Some(number) = take(&left) {
                    let host = first_host.map(|first| format!("host-{}.{HOST}", first + number));
                    let host = host.as_deref().unwrap_or(HOST);
                    let mut connection = Connection::open(&speech, host).await?;
                    connection.get(BODY).await?;
                    if close {
                        connection.close().await;
                    } else {
                        open.push(connection);
                    }
                }
                anyhow::Ok(open)
            });
        }
        let mut open = Vec::new();
        while let Some(ended) = tasks.join_next().await {
            open.extend(ended??);
        }
        Ok(open)
    }

    /// Opens connections of the unknown protocol, each for a little.
    async fn open_raw(&self, count: u32, parallel: u32) -> anyhow::Result<()> {
        let left = Arc::new(AtomicU32::new(count));
        let mut tasks = JoinSet::new();
        for _ in 0..parallel {
            let (left, route) = (Arc::clone(&left), self.speech.route);
            tasks.spawn(async move {
                while take(&left).is_some() {
                    Raw::open(route).await?.get(BODY).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        Ok(())
    }

    async fn time_each(&mut self, count: u32) -> anyhow::Result<Vec<u64>> {
        let mut times = Vec::new();
        for _ in 0..count {
            let started = Instant::now();
            self.open[0].get(BODY).await?;
            times.push(nanoseconds(started.elapsed()));
        }
        Ok(times)
    }
}

/// Takes one of what is left, and gives its number.
fn take(left: &AtomicU32) -> Option<u32> {
    let less = |left: u32| left.checked_sub(1);
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).ok().map(|left| left - 1)
}

pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
