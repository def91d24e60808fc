#![doc = include_str!("../README.md")]

mod authority;
mod cache;
mod crl;
mod error;
mod imported;
mod key;
mod leaf;
mod name;
mod pkcs12;
mod request;
mod time;

pub use authority::Authority;
pub use cache::LeafCache;
pub use crl::{CRL_BACKDATE, CRL_LIFETIME, Crl, CrlCache};
pub use error::{
    ExportError, GenerateError, ImportError, IssueError, ParseNameError,
    ParseServerCertificateError,
};
pub use key::LeafKey;
pub use leaf::{LEAF_BACKDATE, LEAF_LIFETIME, Leaf};
pub use name::Name;
pub use pkcs12::Pkcs12Contents;
pub use request::{LeafRequest, MAX_CERTIFICATE_BYTES, MAX_NAME_BYTES, MAX_NAMES};
