//! What resumes TLS, of all flows: who has our ticket has also those of its server.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;
use rustls::server::StoresServerSessions;
use sidestream_proto::tls::{Credentials, FlowTickets, Tickets};

/// How many tickets that clients were given are kept: some 3 KiB each, with those of their
/// servers. The oldest goes first.
const KEPT: usize = 1024;

/// How many tickets of TLS 1.3 are kept of what servers give in one flow, as browsers do.
const OF_A_SERVER: usize = 4;

#[derive(Debug, Default)]
pub(crate) struct SharedTickets(Arc<Mutex<Given>>);

/// Tickets that clients were given.
#[derive(Default)]
struct Given {
    by_ticket: HashMap<Vec<u8>, Ticket>,
    by_age: VecDeque<Vec<u8>>,
}

struct Ticket {
    session: Vec<u8>,
    upstream: Arc<Upstream>,
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given").field("tickets", &self.by_ticket.len()).finish_non_exhaustive()
    }
}

impl Given {
    fn insert(&mut self, key: Vec<u8>, ticket: Ticket) {
        if self.by_ticket.insert(key.clone(), ticket).is_none() {
            self.by_age.push_back(key);
        }
        while self.by_age.len() > KEPT {
            let Some(oldest) = self.by_age.pop_front() else { break };
            self.by_ticket.remove(&oldest);
        }
    }

    fn take(&mut self, key: &[u8]) -> Option<Ticket> {
        let ticket = self.by_ticket.remove(key)?;
        // Mostly it is one of the latest.
        if let Some(at) = self.by_age.iter().rposition(|kept| kept == key) {
            self.by_age.remove(at);
        }
        Some(ticket)
    }
}

impl Tickets for SharedTickets {
    fn flow(&self, shown: &[Vec<u8>], credentials: Credentials) -> FlowTickets {
        let known = {
            let given = lock(&self.0);
            let mut known = shown.iter().filter_map(|ticket| given.by_ticket.get(ticket));
            known.next().map(|ticket| Arc::clone(&ticket.upstream))
        };
        let known = known.filter(|known| known.credentials.is_like(&credentials));
        let upstream =
            known.unwrap_or_else(|| Arc::new(Upstream { credentials, sessions: Mutex::default() }));
        let client = OfFlow { given: Arc::clone(&self.0), upstream: Arc::clone(&upstream) };
        let credentials = upstream.credentials.clone();
        FlowTickets { client: Arc::new(client), upstream, credentials }
    }
}

/// Keeps what the client of one flow is given.
#[derive(Debug)]
struct OfFlow {
    given: Arc<Mutex<Given>>,
    upstream: Arc<Upstream>,
}

impl StoresServerSessions for OfFlow {
    fn put(&self, key: Vec<u8>, session: Vec<u8>) -> bool {
        let upstream = Arc::clone(&self.upstream);
        lock(&self.given).insert(key, Ticket { session, upstream });
        true
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        lock(&self.given).by_ticket.get(key).map(|ticket| ticket.session.clone())
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        lock(&self.given).take(key).map(|ticket| ticket.session)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

/// Keeps what the servers of one flow, and of those that resume it, give.
#[derive(Debug)]
struct Upstream {
    credentials: Credentials,
    sessions: Mutex<FromServers>,
}

#[derive(Debug, Default)]
struct FromServers {
    tls12: Option<(ServerName<'static>, Tls12ClientSessionValue)>,
    tls13: VecDeque<(ServerName<'static>, Tls13ClientSessionValue)>,
}

impl ClientSessionStore for Upstream {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, server: ServerName<'static>, session: Tls12ClientSessionValue) {
        lock(&self.sessions).tls12 = Some((server, session));
    }

    fn tls12_session(&self, server: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        let kept = lock(&self.sessions);
        let kept = kept.tls12.as_ref().filter(|(name, _)| name == server);
        kept.map(|(_, session)| session.clone())
    }

    fn remove_tls12_session(&self, server: &ServerName<'static>) {
        lock(&self.sessions).tls12.take_if(|(name, _)| name == server);
    }

    fn insert_tls13_ticket(&self, server: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        let mut kept = lock(&self.sessions);
        kept.tls13.push_back((server, ticket));
        if kept.tls13.len() > OF_A_SERVER {
            kept.tls13.pop_front();
        }
    }

    fn take_tls13_ticket(&self, server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        let mut kept = lock(&self.sessions);
        let latest = kept.tls13.iter().rposition(|(name, _)| name == server)?;
        kept.tls13.remove(latest).map(|(_, ticket)| ticket)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
