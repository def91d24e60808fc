//! The WebSocket codec (RFC 6455, RFC 7692): frames and messages, read while their bytes go by.
//!
//! Nothing here holds bytes back: whoever relays a WebSocket passes what comes as it comes, and
//! shows the same bytes to a [`MessageReader`] for each side. It yields the messages, put together
//! from fragments, unmasked and inflated, and each kind of [`Defect`] once. What it holds is
//! bounded by [`Limits`], whatever is sent. Below it, a [`FrameReader`] takes the stream apart into
//! [`Piece`]s and knows nothing of messages; [`FrameHead::encode`] and [`mask`] are its inverse.
//!
//! ```
//! use bytes::Bytes;
//! use sidestream_proto::websocket::{Extensions, Item, Limits, MessageReader, Role};
//!
//! let extensions = Extensions::default();
//! let mut reader = MessageReader::new(Role::Server, &extensions, Limits::default());
//! let mut bytes = Bytes::from_static(b"\x01\x03hel\x80\x02lo");
//! let Ok(Some(Item::Message(message))) = reader.poll(&mut bytes) else { panic!() };
//! assert_eq!((&message.data[..], message.fragments), (&b"hello"[..], 2));
//! ```

mod content;
mod defect;
mod extensions;
mod frame;
mod gate;
mod handshake;
mod inflate;
mod inject;
mod layer;
mod limits;
mod message;
mod reader;
mod tap;
mod told;
mod utf8;

pub use defect::Defect;
pub use extensions::{Deflate, Extensions};
pub use frame::{FrameHead, Opcode, mask};
pub(crate) use handshake::{accept, key};
pub use inject::{InjectError, Injection};
pub(crate) use layer::WebSocket;
pub use limits::Limits;
pub use message::{Item, Message, MessageReader, Role};
pub use reader::{FrameError, FrameReader, Piece};
pub(crate) use tap::{Passed, Tap};
