//! Resumption: a client that resumes with us resumes with its server, and no other client does.

use std::fmt;
use std::sync::Arc;

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;
use rustls::server::{NoServerSessionStorage, StoresServerSessions};

use super::Credentials;

/// Keeps what resumes TLS, of all flows.
pub trait Tickets: fmt::Debug + Send + Sync {
    /// Returns what a flow keeps its tickets in, whose client shows these tickets and session ids.
    ///
    /// Of a client that shows one that it was given, upstream store and credentials are those of
    /// the flow in which it was, if the credentials [are alike](Credentials::is_like); of any other
    /// it is a new store, with those given here. So tickets of a server are used by whoever has our
    /// ticket of the same flow, and by nobody else.
    fn flow(&self, shown: &[Vec<u8>], credentials: Credentials) -> FlowTickets;
}

/// What one flow keeps its tickets in.
#[derive(Clone, Debug)]
pub struct FlowTickets {
    /// Tickets that the client is given.
    pub client: Arc<dyn StoresServerSessions>,
    /// Tickets that the server gives.
    pub upstream: Arc<dyn ClientSessionStore>,
    /// With what the server was spoken to that gave them.
    pub credentials: Credentials,
}

/// Keeps no tickets, so nothing is resumed.
#[derive(Clone, Copy, Debug)]
pub struct NoTickets;

impl Tickets for NoTickets {
    fn flow(&self, _: &[Vec<u8>], credentials: Credentials) -> FlowTickets {
        let (client, upstream) = (Arc::new(NoServerSessionStorage {}), Arc::new(Self));
        FlowTickets { client, upstream, credentials }
    }
}

impl ClientSessionStore for NoTickets {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, _: Tls13ClientSessionValue) {}

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        None
    }
}

/// A store that says in which group the client sent its key.
#[derive(Debug)]
pub(crate) struct Hinted {
    pub(crate) hint: Option<NamedGroup>,
    pub(crate) store: Arc<dyn ClientSessionStore>,
}

impl ClientSessionStore for Hinted {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        self.hint
    }

    fn set_tls12_session(&self, server: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.store.set_tls12_session(server, value);
    }

    fn tls12_session(&self, server: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.store.tls12_session(server)
    }

    fn remove_tls12_session(&self, server: &ServerName<'static>) {
        self.store.remove_tls12_session(server);
    }

    fn insert_tls13_ticket(&self, server: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.store.insert_tls13_ticket(server, value);
    }

    fn take_tls13_ticket(&self, server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.store.take_tls13_ticket(server)
    }
}

/// Gives tickets and takes none, where the server took none either.
#[derive(Debug)]
pub(crate) struct Unresumed(pub(crate) Arc<dyn StoresServerSessions>);

impl StoresServerSessions for Unresumed {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.0.put(key, value)
    }

    fn get(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn take(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn can_cache(&self) -> bool {
        self.0.can_cache()
    }
}
