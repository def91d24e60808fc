//! What TLS does when it has its turn: take what has come, say what is to be said.

use bytes::{Buf as _, Bytes, BytesMut};
use rustls::ContentType;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, InsufficientSizeError, UnbufferedConnectionCommon,
    UnbufferedStatus, WriteTraffic,
};

/// The most that is put into one record (RFC 8446 §5.1).
const RECORD_BYTES: usize = 16 * 1024;

/// What a record has beside its content, at most: header, explicit nonce, type, tag.
const OVERHEAD: usize = 64;

/// The header of a record.
const HEADER: usize = 5;

/// An encrypted alert: level and description, type, tag.
const ALERT: usize = 2 + 1 + 16;

/// How one side of TLS is asked for what is next.
pub(super) type Process<D> = for<'c, 'i> fn(
    &'c mut UnbufferedConnectionCommon<D>,
    &'i mut [u8],
) -> UnbufferedStatus<'c, 'i, D>;

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

/// What waits on both sides of TLS. Where nothing does, nothing is held.
#[derive(Default)]
pub(super) struct Waiting {
    /// Ciphertext that is not a whole record, or not a whole message of the handshake.
    pub(super) incoming: BytesMut,
    /// Ciphertext to be sent.
    pub(super) outgoing: Vec<u8>,
    /// Plaintext to be sent once the handshake allows.
    pub(super) plain: Vec<Bytes>,
    /// After it the peer is told that no more will come.
    pub(super) close: bool,
}

/// Goes on until there is nothing more to do.
pub(super) fn turn<D>(
    conn: &mut UnbufferedConnectionCommon<D>,
    process: Process<D>,
    waiting: &mut Waiting,
) -> Fed {
    let mut fed = Fed::default();
    loop {
        // Plaintext is shorter than what it came in.
        let room = waiting.incoming.len();
        let UnbufferedStatus { discard, state } = process(conn, &mut waiting.incoming);
        let failed = fed.error.is_some();
        let goes_on = match state {
            Ok(ConnectionState::EncodeTlsData(mut data)) => {
                let said = put(&mut waiting.outgoing, 0, |to| match data.encode(to) {
                    Ok(len) => Ok(len),
                    Err(EncodeError::InsufficientSize(lacks)) => Err(Some(lacks)),
                    Err(EncodeError::AlreadyEncoded) => Err(None),
                });
                !(failed && is_alert(said))
            }
            Ok(_) | Err(_) if failed => false,
            Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                if fed.plain.is_empty() {
                    fed.plain.reserve(room);
                }
                while let Some(Ok(record)) = traffic.next_record() {
                    fed.plain.extend_from_slice(record.payload);
                }
                true
            }
            Ok(ConnectionState::TransmitTlsData(data)) => {
                data.done();
                true
            }
            Ok(ConnectionState::PeerClosed) => {
                fed.closed = true;
                true
            }
            Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                say(&mut traffic, &mut waiting.plain, &mut waiting.close, &mut waiting.outgoing);
                false
            }
            // More has to come, or all is over.
            Ok(_) => false,
            // What tells the peer of it may be there to be encoded.
            Err(error) => {
                fed.error = Some(error);
                true
            }
        };
        waiting.incoming.advance(discard);
        if !goes_on {
            break;
        }
    }
    if waiting.incoming.is_empty() {
        waiting.incoming = BytesMut::new();
    }
    fed
}

/// Encrypts what waits.
fn say<D>(
    traffic: &mut WriteTraffic<'_, D>,
    plain: &mut Vec<Bytes>,
    close: &mut bool,
    outgoing: &mut Vec<u8>,
) {
    let plain = match &mut std::mem::take(plain)[..] {
        [] => Bytes::new(),
        [one] => std::mem::take(one),
        many => many.concat().into(),
    };
    if !plain.is_empty() {
        let records = plain.len().div_ceil(RECORD_BYTES);
        put(outgoing, plain.len() + (records + 1) * OVERHEAD, |to| {
            traffic.encrypt(&plain, to).map_err(lacking)
        });
    }
    if std::mem::take(close) {
        put(outgoing, OVERHEAD, |to| traffic.queue_close_notify(to).map_err(lacking));
    }
}

/// What may encrypt no more says so to nobody: the peer is told by TLS itself.
fn lacking(error: EncryptError) -> Option<InsufficientSizeError> {
    match error {
        EncryptError::InsufficientSize(lacks) => Some(lacks),
        EncryptError::EncryptExhausted => None,
    }
}

/// Returns whether a record is an alert, in the clear or encrypted as TLS 1.3 does.
///
/// What was wrong is wrong still: after the alert nothing may be asked any more.
fn is_alert(record: &[u8]) -> bool {
    match record.first() {
        Some(&kind) if kind == u8::from(ContentType::Alert) => true,
        Some(_) => record.len() == HEADER + ALERT,
        None => true,
    }
}

/// Appends what `write` writes, which is asked again with more room where there is not enough, and
/// returns that.
fn put(
    to: &mut Vec<u8>,
    room: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, Option<InsufficientSizeError>>,
) -> &[u8] {
    let begin = to.len();
    to.resize(begin + room, 0);
    let mut written = write(&mut to[begin..]);
    if let Err(Some(InsufficientSizeError { required_size })) = written {
        to.resize(begin + required_size, 0);
        written = write(&mut to[begin..]);
    }
    to.truncate(begin + written.unwrap_or(0));
    &to[begin..]
}
