//! DNS messages: told from other datagrams, decoded for people, and read for the addresses they give.
//!
//! The message is that of [RFC 1035 §4], with EDNS ([RFC 6891]); records of types unknown here, or whose data
//! are not as their type has them, are written as [RFC 3597 §5] does. Nothing here changes a message: it is
//! decoded beside its way, and passed as it was sent.
//!
//! [RFC 1035 §4]: https://www.rfc-editor.org/rfc/rfc1035#section-4
//! [RFC 3597 §5]: https://www.rfc-editor.org/rfc/rfc3597#section-5
//! [RFC 6891]: https://www.rfc-editor.org/rfc/rfc6891

mod addresses;
mod cursor;
mod decode;
mod detect;
mod error;
mod kind;
mod name;
mod rdata;
mod svcb;
pub mod tcp;
mod text;

pub use addresses::{Address, addresses};
pub use decode::decode;
pub use detect::looks_like;
pub use error::DecodeDnsError;
