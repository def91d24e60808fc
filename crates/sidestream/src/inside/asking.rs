//! DNS over UDP: the page's name is answered here, other names by a resolver.

use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use sidestream_capture::{Association, Dial, DialedAssociation, FlowInfo, Target};
use sidestream_onboarding::{Answer, Names, failure};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use super::{Inside, Resolvers};

/// How many queries of a client, and how many answers to it, wait; more are dropped.
const MAX_QUEUED: usize = 64;
/// How many queries wait for a resolver; the oldest is forgotten.
const MAX_WAITING: usize = 64;
/// How long a resolver may take before the next is asked.
const PATIENCE: Duration = Duration::from_secs(3);
/// How many times a query is sent at least, also where there is one resolver alone.
const MIN_TRIES: usize = 2;

/// Begins to answer a client's queries.
pub(super) fn associate(inside: &Inside, flow: &FlowInfo) -> DialedAssociation {
    let (queries, asked) = channel(MAX_QUEUED);
    let (replies, answered) = channel(MAX_QUEUED);
    let list = inside.resolvers();
    let addr = list.first().copied();
    let task = Task {
        names: Arc::clone(&inside.names),
        dial: Arc::clone(&inside.dial),
        resolvers: Arc::clone(&inside.resolvers),
        flow: flow.clone(),
        list,
        tries: 0,
        server: None,
        waiting: VecDeque::new(),
        deadline: Instant::now(),
        replies,
    };
    tokio::spawn(task.run(asked));
    let association = Box::new(Asking { queries, answered });
    // Told is who was asked, where somebody could be.
    DialedAssociation { association, addr: addr.unwrap_or(flow.key.server), via: None }
}

/// What the proxy takes for the resolver.
struct Asking {
    queries: Sender<Bytes>,
    answered: Receiver<Bytes>,
}

impl Association for Asking {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        self.answered.poll_recv(cx).map(Ok)
    }

    fn poll_send(&mut self, _: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<()>> {
        if self.queries.try_send(Bytes::copy_from_slice(datagram)).is_err() {
            debug!("a DNS query was dropped, as too many wait");
        }
        Poll::Ready(Ok(()))
    }
}

/// Answers and asks on behalf of one client; it ends when the client is gone.
struct Task {
    names: Arc<Names>,
    dial: Arc<dyn Dial>,
    resolvers: Arc<Resolvers>,
    flow: FlowInfo,
    /// Who can be asked; `tries` leads to whom is asked now.
    list: Vec<SocketAddr>,
    /// How many times was moved on to the next since one answered.
    tries: usize,
    server: Option<Box<dyn Association>>,
    /// What was asked and not answered yet.
    waiting: VecDeque<Bytes>,
    /// When the next is asked, if something waits.
    deadline: Instant,
    replies: Sender<Bytes>,
}

impl Task {
    async fn run(mut self, mut asked: Receiver<Bytes>) {
        loop {
            tokio::select! {
                query = asked.recv() => match query {
                    Some(query) => self.asked(query).await,
                    None => return,
                },
                received = receive(self.server.as_mut()) => match received {
                    Ok(Some(reply)) => self.answered(reply),
                    Ok(None) => self.move_on().await,
                    Err(error) => {
                        debug!(%error, "a resolver cannot be asked");
                        self.move_on().await;
                    }
                },
                () = sleep_until(self.deadline), if !self.waiting.is_empty() => {
                    debug!("a resolver takes too long");
                    self.move_on().await;
                }
            }
        }
    }

    async fn asked(&mut self, query: Bytes) {
        match self.names.answer(&query) {
            Answer::Drop => {}
            Answer::Reply(reply) => self.reply(reply),
            Answer::Forward => {
                if self.waiting.is_empty() {
                    self.deadline = Instant::now() + PATIENCE;
                }
                if self.waiting.len() == MAX_WAITING {
                    self.waiting.pop_front();
                }
                self.waiting.push_back(query.clone());
                if self.server.is_some() {
                    self.send(&query).await;
                } else {
                    self.open().await;
                }
            }
        }
    }

    fn answered(&mut self, reply: Bytes) {
        if let Some(current) = self.current()
            && self.tries > 0
        {
            self.resolvers.prefer(current);
            // The next round begins here.
            let first = self.tries % self.list.len();
            self.list.rotate_left(first);
            self.tries = 0;
        }
        // Answers have the number of their query (RFC 1035 §4.1.1).
        self.waiting.retain(|query| query.get(..2) != reply.get(..2));
        self.deadline = Instant::now() + PATIENCE;
        self.reply(reply);
    }

    fn reply(&self, reply: Bytes) {
        if self.replies.try_send(reply).is_err() {
            debug!("a DNS answer was dropped, as too many wait");
        }
    }

    fn current(&self) -> Option<SocketAddr> {
        self.list.get(self.tries % self.list.len().max(1)).copied()
    }

    /// Asks the next resolver for all that waits, or says that none answers.
    async fn move_on(&mut self) {
        self.server = None;
        self.tries += 1;
        self.deadline = Instant::now() + PATIENCE;
        if self.tries < self.list.len().max(MIN_TRIES) {
            return self.open().await;
        }
        self.fail();
    }

    fn fail(&mut self) {
        self.tries = 0;
        for query in std::mem::take(&mut self.waiting) {
            if let Some(reply) = failure(&query) {
                self.reply(reply);
            }
        }
    }

    /// Makes an association with the resolver whose turn it is, and asks it for all that waits.
    async fn open(&mut self) {
        while self.tries < self.list.len().max(MIN_TRIES)
            && let Some(current) = self.current()
        {
            match self.dial.associate(&self.flow, &Target::Addr(current)).await {
                Ok(dialed) => {
                    self.server = Some(dialed.association);
                    for query in self.waiting.clone() {
                        self.send(&query).await;
                    }
                    return;
                }
                Err(error) => debug!(%error, "a resolver cannot be reached"),
            }
            self.tries += 1;
        }
        self.fail();
    }

    /// Sends a query; one that cannot be sent is tried again, as one that is lost.
    async fn send(&mut self, query: &[u8]) {
        let Some(server) = &mut self.server else { return };
        if let Err(error) = poll_fn(|cx| server.poll_send(cx, query)).await {
            debug!(%error, "a query was not sent");
        }
    }
}

/// Waits for what a server says; for nothing where there is none.
async fn receive(server: Option<&mut Box<dyn Association>>) -> io::Result<Option<Bytes>> {
    match server {
        Some(server) => poll_fn(|cx| server.poll_recv(cx)).await,
        None => pending().await,
    }
}
