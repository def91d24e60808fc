//! Certificates, each of which is one row.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, params};
use sidestream_record::Certificate;

use crate::row::{Row, Update};
use crate::wire;

/// The certificates that a transaction shows, each with the last of its entries that does.
#[derive(Debug, Default)]
pub(super) struct Certificates<'a>(HashMap<&'a [u8; 32], (&'a Arc<Certificate>, i64)>);

impl<'a> Certificates<'a> {
    /// Adds those of an entry.
    pub(super) fn add(&mut self, seq: i64, row: &'a Row) {
        if let Update::Secured(leg) = &row.update {
            self.0.extend(leg.certificates.iter().map(|it| (&it.sha256, (it, seq))));
        }
    }

    /// Notes where they were shown last, and writes those that are new.
    pub(super) fn write(&self, to: &Connection) -> rusqlite::Result<()> {
        for (sha256, (certificate, seq)) in &self.0 {
            let known = to
                .prepare_cached("UPDATE certificate SET last_seq = ?2 WHERE sha256 = ?1")?
                .execute(params![&sha256[..], seq])?;
            if known == 0 {
                to.prepare_cached(
                    "INSERT INTO certificate (sha256, subject, last_seq, payload)
                     VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![
                    &sha256[..],
                    certificate.subject,
                    seq,
                    wire::certificate_to(certificate)
                ])?;
            }
        }
        Ok(())
    }
}
