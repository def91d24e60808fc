//! One TLS connection with one peer, as bytes in and bytes out.

use std::io::{BufRead as _, IoSlice, Write as _};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, Connection, ProtocolVersion, ServerConfig, ServerConnection,
};
use sidestream_flow::Peer;
use sidestream_record::{Tls, TlsVersion};

/// What a stretch of ciphertext brought.
#[derive(Debug, Default)]
pub(crate) struct Fed {
    /// Plaintext, possibly none.
    pub(crate) plain: BytesMut,
    /// The handshake was completed by it.
    pub(crate) established: bool,
    /// The peer said that it sends no more.
    pub(crate) closed: bool,
    /// TLS broke. An alert may be waiting to be sent.
    pub(crate) error: Option<rustls::Error>,
}

#[derive(Debug)]
pub(crate) struct Session {
    conn: Connection,
    established: bool,
    closed: bool,
}

impl Session {
    pub(crate) fn client(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> Result<Self, rustls::Error> {
        ClientConnection::new(config, name).map(|conn| Self::new(conn.into()))
    }

    pub(crate) fn server(config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        ServerConnection::new(config).map(|conn| Self::new(conn.into()))
    }

    fn new(mut conn: Connection) -> Self {
        // What may wait is bounded by the back-pressure of the flow, not by the TLS library,
        // which would cut writes short.
        conn.set_buffer_limit(None);
        Self { conn, established: false, closed: false }
    }

    /// Takes ciphertext.
    pub(crate) fn feed(&mut self, mut wire: &[u8]) -> Fed {
        let mut fed = Fed::default();
        while !wire.is_empty() && fed.error.is_none() {
            // Reading from a slice cannot fail; a full buffer is, and is what the error says.
            if let Err(error) = self.conn.read_tls(&mut wire) {
                fed.error = Some(rustls::Error::General(error.to_string()));
                break;
            }
            match self.conn.process_new_packets() {
                Err(error) => fed.error = Some(error),
                Ok(state) => {
                    fed.plain.reserve(state.plaintext_bytes_to_read());
                    let mut reader = self.conn.reader();
                    // Without plaintext it fails as a socket would that has none yet.
                    while let Ok(chunk @ [_, ..]) = reader.fill_buf() {
                        fed.plain.extend_from_slice(chunk);
                        let taken = chunk.len();
                        reader.consume(taken);
                    }
                    fed.closed = state.peer_has_closed() && !self.closed;
                    self.closed |= fed.closed;
                    if fed.closed {
                        break;
                    }
                }
            }
        }
        fed.established = !self.established && !self.conn.is_handshaking();
        self.established |= fed.established;
        fed
    }

    /// Encrypts plaintext, or keeps it until the handshake allows.
    pub(crate) fn write(&mut self, plain: &[Bytes]) {
        let mut slices: Vec<_> = plain.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut slices = &mut slices[..];
        while !slices.is_empty() {
            // Without a buffer limit the writer takes everything and never fails.
            match self.conn.writer().write_vectored(slices) {
                Ok(0) | Err(_) => return,
                Ok(written) => IoSlice::advance_slices(&mut slices, written),
            }
        }
    }

    /// Says that no more plaintext will come.
    pub(crate) fn close(&mut self) {
        self.conn.send_close_notify();
    }

    /// Takes the ciphertext that waits to be sent.
    pub(crate) fn take_wire(&mut self) -> Bytes {
        let mut wire = Vec::new();
        while self.conn.wants_write() {
            if self.conn.write_tls(&mut wire).is_err() {
                break;
            }
        }
        wire.into()
    }

    /// Returns the certificate that the peer showed.
    pub(crate) fn peer_certificate(&self) -> Option<CertificateDer<'static>> {
        self.conn.peer_certificates()?.first().cloned()
    }

    pub(crate) fn alpn(&self) -> Option<&[u8]> {
        self.conn.alpn_protocol()
    }

    /// Describes the connection, once it is established.
    pub(crate) fn facts(&self, peer: Peer, sni: Option<&str>, ja4: Option<String>) -> Tls {
        let version = match self.conn.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => TlsVersion::Tls12,
            // The library speaks no other.
            _ => TlsVersion::Tls13,
        };
        let cipher = self.conn.negotiated_cipher_suite().map(|suite| suite.suite());
        Tls {
            peer,
            version,
            cipher: cipher
                .and_then(|suite| suite.as_str())
                .map_or_else(|| "unknown".into(), registered),
            sni: sni.map(str::to_owned),
            alpn: self.alpn().map(|alpn| String::from_utf8_lossy(alpn).into_owned()),
            ja4,
        }
    }
}

/// Returns the name of a cipher suite at IANA: the library gives those of TLS 1.3 a prefix of its
/// own.
fn registered(name: &str) -> String {
    name.replacen("TLS13_", "TLS_", 1)
}
