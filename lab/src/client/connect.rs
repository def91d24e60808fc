//! How a client reaches servers, and how that fails.

use std::io;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{AlertDescription, RootCertStore};
use sidestream_capture::{Association, Stream};

use crate::model::{Family, Trouble};
use crate::wire::BoxFuture;

/// Reaches servers for a client.
pub trait Connect: Send + Sync {
    /// Returns what it asks by.
    fn family(&self) -> Family;

    /// Connects over TCP.
    ///
    /// # Errors
    ///
    /// As a client sees it.
    fn connect<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, Result<Box<dyn Stream>, Failed>>;

    /// Makes a socket that speaks to one server.
    ///
    /// # Errors
    ///
    /// As a client sees it.
    fn associate<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, Result<Box<dyn Association>, Failed>>;

    /// Returns whom a client trusts.
    ///
    /// # Errors
    ///
    /// When that cannot be read.
    fn roots(&self, trusts_proxy: bool) -> Result<Arc<RootCertStore>, Failed>;
}

/// Why an ask failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// In the lab's words.
    pub trouble: Trouble,
    /// In those of whoever noticed.
    pub said: String,
}

impl Failed {
    pub(crate) fn new(trouble: Trouble, said: impl ToString) -> Self {
        Self { trouble, said: said.to_string() }
    }
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        let said = error.to_string();
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        let trouble = match tls {
            // Curl takes the alert for its own finding.
            Some(
                rustls::Error::InvalidCertificate(_)
                | rustls::Error::AlertReceived(AlertDescription::CertificateExpired),
            ) => Trouble::Untrusted,
            Some(_) => Trouble::Tls,
            None => Trouble::from(error.kind()),
        };
        Self { trouble, said }
    }
}

impl From<io::ErrorKind> for Trouble {
    fn from(kind: io::ErrorKind) -> Self {
        use io::ErrorKind as Kind;
        match kind {
            Kind::ConnectionRefused => Self::Refused,
            Kind::ConnectionReset | Kind::BrokenPipe => Self::Reset,
            Kind::HostUnreachable | Kind::NetworkUnreachable => Self::Unreachable,
            Kind::TimedOut => Self::TimedOut,
            Kind::UnexpectedEof => Self::CutShort,
            _ => Self::Other,
        }
    }
}

/// Reads roots in PEM.
///
/// # Errors
///
/// When they are none.
pub fn roots(pem: &str) -> Result<RootCertStore, Failed> {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let root = root.map_err(|error| Failed::new(Trouble::Other, error))?;
        roots.add(root).map_err(|error| Failed::new(Trouble::Other, error))?;
    }
    Ok(roots)
}
