#![doc = include_str!("../README.md")]

mod capabilities;
mod capture;
mod dial;
mod direct;
mod stream;

pub use capabilities::{Attribution, Capabilities, Refusal};
pub use capture::{
    Capture, Control, Destination, Egress, FlowInfo, Incoming, Kind, SetSpecError, next_incoming,
};
pub use dial::{Dial, Dialed, DialedAssociation, Target};
pub use direct::{Direct, UdpSocket};
pub use stream::{Accepted, Association, Pending, Stream};

/// A boxed future, as dyn-compatible traits return it.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
