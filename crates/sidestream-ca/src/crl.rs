//! The list of revoked certificates (RFC 5280 §5), which is always empty.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{CertificateRevocationListParams, Issuer, KeyIdMethod};
use sha2::{Digest as _, Sha256};

use crate::{
    Authority,
    error::IssueError,
    key::Key,
    time::{DAY, encode, since_epoch},
};

/// For how long from its making a list of revoked certificates is the present one.
pub const CRL_LIFETIME: Duration = Duration::from_secs(7 * DAY.as_secs());

/// How long before it was made a list begins to count, for clients whose clock is slow.
pub const CRL_BACKDATE: Duration = Duration::from_secs(2 * DAY.as_secs());

/// A list of revoked certificates, signed by the root. No leaf is ever revoked, so it has none.
#[derive(Clone, PartialEq, Eq)]
pub struct Crl {
    /// The list in DER, as `application/pkix-crl` (RFC 2585 §4) has it.
    pub der: Vec<u8>,
    /// When a newer one is to be had at the latest.
    pub next_update: SystemTime,
}

impl fmt::Debug for Crl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crl").field("next_update", &self.next_update).finish_non_exhaustive()
    }
}

/// Signs an empty list. `now` and the root's end count from 1970.
pub(crate) fn sign(
    issuer: &Issuer<'static, Key>,
    identifier: &[u8],
    now: Duration,
    root_ends: Duration,
) -> Result<Crl, IssueError> {
    let this_update = now.saturating_sub(CRL_BACKDATE);
    let next_update = (now + CRL_LIFETIME).min(root_ends);
    let params = CertificateRevocationListParams {
        this_update: encode(this_update),
        next_update: encode(next_update),
        // Whoever is made later has a larger one, without anything to be remembered (RFC 5280 §5.2.3).
        crl_number: this_update.as_secs().into(),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::PreSpecified(identifier.to_vec()),
    };
    let list = params.signed_by(issuer).map_err(IssueError::Make)?;
    let der = list.der().to_vec();
    Ok(Crl { der, next_update: UNIX_EPOCH + Duration::from_secs(next_update.as_secs()) })
}

/// The last list that was made, for as long as it has a day to go.
#[derive(Debug, Default)]
pub struct CrlCache {
    last: Option<Crl>,
}

impl CrlCache {
    /// Gives the list, signing one only where the last has less than a day to go; one that ends with the root sooner
    /// than that is given to its end.
    ///
    /// # Errors
    ///
    /// As [`Authority::crl`].
    pub fn get_or_sign(
        &mut self,
        authority: &Authority,
        now: SystemTime,
    ) -> Result<&Crl, IssueError> {
        let is_present = |crl: &Crl| {
            let left = crl.next_update.duration_since(now).unwrap_or_default();
            // After a clock that ran far ahead was put right, what it dated is of no use.
            let is_too_new = left > CRL_LIFETIME;
            let is_last = crl.next_update >= authority.not_after() && !left.is_zero();
            !is_too_new && (left > DAY || is_last)
        };
        match self.last.take().filter(is_present) {
            Some(last) => Ok(self.last.insert(last)),
            None => Ok(self.last.insert(authority.crl(now)?)),
        }
    }
}

impl Authority {
    /// Signs the list of revoked certificates, which is empty: it counts from [`CRL_BACKDATE`] before `now`, and for
    /// [`CRL_LIFETIME`] from then, at most until the root ends.
    ///
    /// # Errors
    ///
    /// When the root may not sign one ([`signs_crls`](Self::signs_crls)), or is not valid at that time.
    pub fn crl(&self, now: SystemTime) -> Result<Crl, IssueError> {
        if !self.signs_crls() {
            return Err(IssueError::CrlSign);
        }
        let now = since_epoch(now).ok_or(IssueError::Time)?;
        if now < self.validity.0 || now >= self.validity.1 {
            return Err(IssueError::Expired);
        }
        sign(&self.issuer, self.key_identifier(), now, self.validity.1)
    }

    /// Tells whether clients accept a list of this root's: one that was made elsewhere may be for certificates alone
    /// (RFC 5280 §4.2.1.3, `cRLSign`).
    pub const fn signs_crls(&self) -> bool {
        self.signs_crls
    }

    /// The name of the file in which clients find the list. It is made of the root's certificate, so that a client
    /// that keeps one by where it was found never takes the list of one root for another's.
    pub fn crl_file_name(&self) -> String {
        let digest = Sha256::digest(self.certificate_der());
        let hex: String = digest[..10].iter().map(|octet| format!("{octet:02x}")).collect();
        format!("{hex}.crl")
    }
}
