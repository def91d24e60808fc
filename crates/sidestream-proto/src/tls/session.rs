//! One TLS connection with one peer, as bytes in and bytes out.

use std::fmt;
use std::mem;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::UnbufferedServerConnection;
use rustls::{
    AlertDescription, ClientConfig, CommonState, HandshakeKind, ProtocolVersion, ServerConfig,
};
use sidestream_flow::{Peer, Redacted};
use sidestream_record::{ClientCertificate, HelloDifference, Tls, TlsVersion};

use super::hello::{ClientHello, HelloReader};
use super::ja4::{self, ja4};
use super::keys::{Keys, tap};
use super::turn::{Fed, Waiting, turn};
use super::{Asked, Certificates, Chosen, differences, names, subject};

/// How much ciphertext may wait for the rest of a message: the library takes none that is larger.
const MAX_INCOMING: usize = 256 * 1024;

pub(crate) struct Session {
    conn: Conn,
    waiting: Waiting,
    /// There is something to say that TLS was not asked about yet.
    asks: bool,
    established: bool,
    closed: bool,
    failed: bool,
    sent: Option<Box<Sent>>,
    /// Whether a server asked for a certificate.
    asked: Option<Arc<Asked>>,
    /// Whether a client is asked for a certificate.
    requests: bool,
    /// Its keys, where they are to be told.
    keys: Option<Keys>,
    /// What peers showed before, until it is told what this one showed.
    known: Option<Arc<dyn Certificates>>,
}

/// What a server was sent.
struct Sent {
    ja4: String,
    differences: Option<Vec<HelloDifference>>,
}

enum Conn {
    Client(UnbufferedClientConnection),
    Server(UnbufferedServerConnection),
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("established", &self.established).finish_non_exhaustive()
    }
}

impl Session {
    /// Begins with a server, which may ask for a certificate, and is sent what is compared with
    /// that client's hello.
    pub(crate) fn client(
        mut config: ClientConfig,
        asked: Arc<Asked>,
        name: ServerName<'static>,
        client: Option<&ClientHello>,
        tells_keys: bool,
    ) -> Result<Self, rustls::Error> {
        asked.forget();
        let keys = tells_keys.then(|| tap(&mut config.key_log));
        let conn = UnbufferedClientConnection::new(Arc::new(config), name)?;
        let mut session = Self { asked: Some(asked), keys, ..Self::new(Conn::Client(conn)) };
        session.turn();
        let sent = HelloReader::new().push(&session.waiting.outgoing);
        session.sent = sent.ok().flatten().map(|sent| {
            let differences = client.map(|client| differences(client, &sent));
            Box::new(Sent { ja4: ja4(&sent, ja4::Transport::Tcp), differences })
        });
        Ok(session)
    }

    /// Begins with a client, which may be asked for a certificate.
    pub(crate) fn server(
        mut config: ServerConfig,
        requests: bool,
        tells_keys: bool,
    ) -> Result<Self, rustls::Error> {
        let keys = tells_keys.then(|| tap(&mut config.key_log));
        let conn = UnbufferedServerConnection::new(Arc::new(config))?;
        Ok(Self { requests, keys, ..Self::new(Conn::Server(conn)) })
    }

    fn new(conn: Conn) -> Self {
        // A client speaks first.
        let (waiting, asks) = (Waiting::default(), true);
        let (established, closed, failed) = (false, false, false);
        Self {
            conn,
            waiting,
            asks,
            established,
            closed,
            failed,
            sent: None,
            asked: None,
            requests: false,
            keys: None,
            known: None,
        }
    }

    /// Tells what the peer showed, together with those that showed the same.
    pub(crate) fn sharing(self, known: &Arc<dyn Certificates>) -> Self {
        Self { known: Some(Arc::clone(known)), ..self }
    }

    /// Takes ciphertext.
    pub(crate) fn feed(&mut self, wire: Bytes) -> Fed {
        if self.closed || self.failed {
            // What comes after the end is no part of it.
            return Fed::default();
        }
        let incoming = &mut self.waiting.incoming;
        if incoming.is_empty() {
            *incoming = wire.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        } else {
            incoming.extend_from_slice(&wire);
        }
        let mut fed = self.turn();
        if self.waiting.incoming.len() > MAX_INCOMING && fed.error.is_none() {
            fed.error = Some(rustls::Error::General("a message is too large".into()));
        }
        self.closed = fed.closed;
        self.failed = fed.error.is_some();
        if self.closed || self.failed {
            self.waiting.incoming = BytesMut::new();
        }
        fed.established = !self.established && !self.state().is_handshaking();
        self.established |= fed.established;
        if self.established {
            fed.error = fed.error.map(|error| self.explain(error));
        }
        fed
    }

    fn turn(&mut self) -> Fed {
        self.asks = false;
        let waiting = &mut self.waiting;
        match &mut self.conn {
            Conn::Client(conn) => turn(conn, |conn, wire| conn.process_tls_records(wire), waiting),
            Conn::Server(conn) => turn(conn, |conn, wire| conn.process_tls_records(wire), waiting),
        }
    }

    /// Encrypts plaintext, or keeps it until the handshake allows.
    pub(crate) fn write(&mut self, plain: &[Bytes]) {
        self.waiting.plain.extend(plain.iter().filter(|piece| !piece.is_empty()).cloned());
        self.asks |= !self.waiting.plain.is_empty();
    }

    /// Says that no more plaintext will come.
    pub(crate) fn close(&mut self) {
        self.waiting.close = true;
        self.asks = true;
    }

    /// Takes the ciphertext that waits to be sent.
    pub(crate) fn take_wire(&mut self) -> Bytes {
        if self.asks && !self.failed {
            // All that has come was taken in its turn.
            let fed = self.turn();
            debug_assert!(fed.plain.is_empty(), "plaintext that nobody was told of");
        }
        mem::take(&mut self.waiting.outgoing).into()
    }

    /// Takes the keys that were agreed on since, as lines of a key log.
    pub(crate) fn take_keys(&mut self) -> Option<Redacted<String>> {
        let lines = self.keys.as_mut()?.take();
        (!lines.0.is_empty()).then_some(lines)
    }

    /// Returns whether it is not established, or anything waits in it.
    pub(crate) fn is_busy(&self) -> bool {
        let Waiting { incoming, outgoing, plain, close } = &self.waiting;
        let waits = !incoming.is_empty() || !outgoing.is_empty() || !plain.is_empty() || *close;
        waits || !self.established || self.closed || self.failed
    }

    fn state(&self) -> &CommonState {
        match &self.conn {
            Conn::Client(conn) => conn,
            Conn::Server(conn) => conn,
        }
    }

    /// Returns the certificate that the peer showed.
    pub(crate) fn peer_certificate(&self) -> Option<CertificateDer<'static>> {
        self.peer_certificates().first().cloned()
    }

    /// Returns the certificate that the peer showed, and those that it sent behind it.
    pub(crate) fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        self.state().peer_certificates().unwrap_or_default()
    }

    pub(crate) fn alpn(&self) -> Option<&[u8]> {
        self.state().alpn_protocol()
    }

    /// Returns whether the server asked for a certificate that there was not.
    pub(crate) fn lacks_certificate(&self) -> bool {
        self.asked.as_ref().and_then(|asked| asked.answer()).is_some_and(|given| given.is_none())
    }

    /// Says what is behind an alert that comes once all seems well.
    fn explain(&self, error: rustls::Error) -> rustls::Error {
        use AlertDescription as Alert;
        let wants = |alert| {
            matches!(
                alert,
                Alert::AccessDenied
                    | Alert::BadCertificate
                    | Alert::CertificateRequired
                    | Alert::CertificateUnknown
                    | Alert::HandshakeFailure
            )
        };
        match error {
            rustls::Error::AlertReceived(alert) if wants(alert) && self.lacks_certificate() => {
                rustls::Error::General(lacking(alert))
            }
            rustls::Error::AlertReceived(Alert::EncryptedClientHelloRequired) => {
                rustls::Error::General(REFUSED_ECH.into())
            }
            error => error,
        }
    }

    /// Returns what was chosen, once it was.
    pub(crate) fn chosen(&self) -> Chosen {
        let state = self.state();
        Chosen {
            version: self.version(),
            suite: state.negotiated_cipher_suite().map(|suite| suite.suite()),
            group: state.negotiated_key_exchange_group().map(|group| group.name()),
            resumed: state.handshake_kind() == Some(HandshakeKind::Resumed),
        }
    }

    fn version(&self) -> TlsVersion {
        match self.state().protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => TlsVersion::Tls12,
            // The library speaks no other.
            _ => TlsVersion::Tls13,
        }
    }

    fn client_certificate(&self) -> Option<ClientCertificate> {
        let given = match (&self.asked, &self.requests) {
            (Some(asked), _) => asked.answer()?.cloned(),
            (None, true) => self.peer_certificate(),
            (None, false) => return None,
        };
        Some(given.map_or(ClientCertificate::Absent, |given| subject::describe(&given)))
    }

    /// Describes the connection, once it is established; what was sent is told once.
    pub(crate) fn facts(&mut self, peer: Peer, sni: Option<&str>, ja4: Option<String>) -> Box<Tls> {
        let Chosen { version, suite, group, resumed } = self.chosen();
        let sent = self.sent.take();
        let (sent_ja4, differences) = sent.map(|sent| (sent.ja4, sent.differences)).unzip();
        let known = self.known.take();
        let shown = self.peer_certificates();
        Box::new(Tls {
            peer,
            version,
            cipher: suite.map_or_else(|| "unknown".into(), |suite| names::cipher(suite.into())),
            group: group.map(|group| names::group(group.into())),
            resumed,
            sni: sni.map(str::to_owned),
            alpn: self.alpn().map(|alpn| String::from_utf8_lossy(alpn).into_owned()),
            ja4: ja4.or(sent_ja4),
            certificates: known
                .map(|known| shown.iter().map(|der| known.certificate(der)).collect())
                .unwrap_or_default(),
            client_certificate: self.client_certificate(),
            differences: differences.flatten(),
        })
    }
}

/// Says why a client goes away that wanted its hello to be read encrypted (RFC 9849 §6.1.6).
const REFUSED_ECH: &str = "its encrypted ClientHello cannot be read here; it was told that the \
                           server has none, so that it tries without";

/// Says that a server wanted a certificate, and what the user can do.
pub(crate) fn lacking(alert: AlertDescription) -> String {
    let alert = rustls::Error::AlertReceived(alert);
    format!("it asks for a client certificate; give one with --client-certs PATH ({alert})")
}
