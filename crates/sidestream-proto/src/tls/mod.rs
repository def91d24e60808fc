//! TLS: reading what a client offers, and speaking to both peers.

mod certificates;
mod client_auth;
mod downstream;
pub(crate) mod explain;
mod fault;
pub mod hello;
pub mod ja4;
mod keys;
mod ledger;
mod names;
pub(crate) mod offer;
pub(crate) mod session;
mod subject;
mod tickets;
mod turn;
mod upstream;
mod verifiers;
mod versions;

pub use certificates::{Certificates, Unshared, read_certificate};
pub use client_auth::ClientCerts;
pub use downstream::Downstream;
pub use fault::CertificateFault;
pub use tickets::{FlowTickets, NoTickets, Tickets};
pub use upstream::{Credentials, Upstream};
pub use versions::Versions;

pub(crate) use client_auth::Asked;
pub(crate) use downstream::Chosen;
pub(crate) use ledger::differences;
pub(crate) use upstream::Offered;
