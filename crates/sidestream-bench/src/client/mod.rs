//! The load generator.

mod connection;
mod connects;
mod dial;
mod raw;
mod ready;
mod tls;

use std::sync::Arc;

use anyhow::Context;
use rustls::ClientConfig;

pub use self::dial::Route;
pub use self::ready::Ready;
pub(crate) use self::tls::provider;
pub use self::tls::{Roots, roots};

use self::connection::Connection;
use crate::origin::HOST;
use crate::{Done, Group, Job, Prepared};

/// Makes load against one server, directly or by a proxy.
#[derive(Debug)]
pub struct Client {
    /// Where connections go that offer X25519 alone.
    pub classic: Route,
    /// Where connections go that offer X25519MLKEM768.
    pub hybrid: Route,
    /// Who is trusted.
    pub roots: Roots,
}

/// How a client speaks on its connections.
#[derive(Clone, Debug)]
pub(crate) struct Speech {
    pub(crate) route: Route,
    pub(crate) tls: Arc<ClientConfig>,
}

impl Client {
    /// Opens what the job needs, and fills caches on the way.
    ///
    /// # Errors
    ///
    /// A connection, a handshake or a request failed.
    pub async fn prepare(&self, job: &Job) -> anyhow::Result<(Ready, Prepared)> {
        let http2 = matches!(job, Job::Requests { http2: true, .. });
        let group = match job {
            Job::Connections { group, .. } => *group,
            _ => Group::X25519,
        };
        let speech = self.speech(group, http2)?;
        if let Job::Raw { .. } | Job::RawConnections { .. } = job {
            let ready = Ready::prepare(speech, None, job).await.context("warming up")?;
            return Ok((ready, Prepared { alpn: "-".into(), group: "-".into() }));
        }
        let first = Connection::open(&speech, HOST).await.context("opening a connection")?;
        let prepared = Prepared { alpn: first.alpn.clone(), group: first.group.clone() };
        let ready = Ready::prepare(speech, Some(first), job).await.context("warming up")?;
        Ok((ready, prepared))
    }

    /// Does a whole job.
    ///
    /// # Errors
    ///
    /// A connection, a handshake or a request failed.
    pub async fn run(&self, job: &Job) -> anyhow::Result<(Prepared, Done)> {
        let (mut ready, prepared) = self.prepare(job).await?;
        Ok((prepared, ready.go().await?))
    }

    fn speech(&self, group: Group, http2: bool) -> anyhow::Result<Speech> {
        let route = match group {
            Group::X25519 => self.classic,
            Group::X25519MLKEM768 => self.hybrid,
        };
        Ok(Speech { route, tls: Arc::new(tls::config(&self.roots, group, http2)?) })
    }
}
