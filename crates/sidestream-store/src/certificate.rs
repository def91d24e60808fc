//! Certificates read back, each once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension};
use sidestream_record::Certificate;

use crate::process::ProcessError;
use crate::wire::{self, DecodeError, FieldReader, Value};

/// How many certificates are remembered before it is started anew.
const KNOWN: usize = 128;

/// The certificates of a session as far as they were read.
#[derive(Debug, Default)]
pub(crate) struct Certificates(RefCell<HashMap<Bytes, Arc<Certificate>>>);

impl Certificates {
    /// Reads those that the peer of a leg showed, of which this is the message.
    pub(crate) fn of_leg(
        &self,
        connection: &Connection,
        tls: &Bytes,
    ) -> Result<Vec<Arc<Certificate>>, ProcessError> {
        shown(tls).map(|sha256| self.read(connection, &sha256?)).collect()
    }

    fn read(
        &self,
        connection: &Connection,
        sha256: &Bytes,
    ) -> Result<Arc<Certificate>, ProcessError> {
        if let Some(known) = self.0.borrow().get(sha256) {
            return Ok(Arc::clone(known));
        }
        let payload: Vec<u8> = connection
            .prepare_cached("SELECT payload FROM certificate WHERE sha256 = ?1")?
            .query_row([&sha256[..]], |row| row.get(0))
            .optional()?
            .ok_or(DecodeError::Damaged("a certificate that a leg names"))?;
        let read = Arc::new(wire::certificate_from(payload.into(), sha256)?);
        let mut known = self.0.borrow_mut();
        if known.len() >= KNOWN {
            known.clear();
        }
        // Its own bytes: these share the block.
        known.insert(Bytes::copy_from_slice(sha256), Arc::clone(&read));
        Ok(read)
    }
}

/// Iterates over the hashes in a message `Tls`.
pub(crate) fn shown(tls: &Bytes) -> impl Iterator<Item = Result<Bytes, DecodeError>> {
    let mut fields = FieldReader::new(tls.clone());
    std::iter::from_fn(move || {
        loop {
            match fields.next_raw()? {
                Ok((wire::TLS_CERTIFICATES, Value::Bytes(sha256), _)) => return Some(Ok(sha256)),
                Ok(_) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    })
}
