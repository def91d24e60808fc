//! The frames of the link, and their bytes.
//!
//! A frame is a length (4 bytes, of all that follows), a kind (1 byte), a flow (8 bytes) and a
//! payload that depends on the kind. Numbers are big-endian. An address is `4` or `6` (1 byte),
//! the IP, the port (2 bytes).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use sidestream_flow::Transport;

/// The longest frame, its length not counted: the largest datagram and some room for specs.
pub const MAX_FRAME: usize = 128 * 1024;

/// Kind and flow.
const HEADER: usize = 1 + 8;

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The flow, or the number of the spec.
    pub flow: u64,
    /// What is said.
    pub body: Body,
}

/// What a frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// The server accepted the connection.
    Accept,
    /// The sender has room for so many more bytes.
    Credit(u32),
    /// Bytes of a stream.
    Data(Bytes),
    /// A datagram.
    Datagram(Bytes),
    /// No more comes from the sender on this flow.
    Eof,
    /// A client asks for a server.
    Open(Open),
    /// The server did not accept the connection.
    Refuse(Reason),
    /// The flow is broken.
    Reset,
    /// Capture by this spec from now on.
    SetSpec(String),
    /// The spec of this number is in force.
    SpecSet,
}

/// A client asks for a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// The transport.
    pub transport: Transport,
    /// The client's own address.
    pub client: SocketAddr,
    /// The address that it asked for.
    pub server: SocketAddr,
    /// The client's process.
    pub pid: u32,
    /// The parent of that process, or 0.
    pub parent: u32,
    /// The executable of the process.
    pub path: String,
}

/// Why a connection was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nobody listens there.
    Refused,
    /// No route leads there.
    Unreachable,
    /// Nobody answered.
    TimedOut,
    /// Something else.
    Other,
}

/// Why bytes are not a frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The frame is shorter than what it must hold.
    #[error("a frame ends early, the link is broken")]
    Short,
    /// The frame is longer than any may be.
    #[error("a frame of {len} bytes exceeds {MAX_FRAME}, the link is broken")]
    Long {
        /// The announced length.
        len: usize,
    },
    /// The frame holds more than what belongs to its kind.
    #[error("{len} bytes are left over in a frame, the link is broken")]
    Rest {
        /// How many.
        len: usize,
    },
    /// A byte has none of its known values.
    #[error("{value} is not a known {what}, the ends of the link differ in version")]
    Unknown {
        /// What the byte stands for.
        what: &'static str,
        /// The byte.
        value: u8,
    },
    /// A text is not UTF-8.
    #[error("a text in a frame is not UTF-8, the link is broken")]
    Text,
}

/// Why a frame has no bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {len} bytes exceeds {MAX_FRAME}, send less at once")]
pub struct EncodeError {
    /// Its length.
    pub len: usize,
}

/// Appends a frame to a buffer.
///
/// # Errors
///
/// The frame is longer than [`MAX_FRAME`]; the buffer is as it was.
pub fn encode(frame: &Frame, out: &mut BytesMut) -> Result<(), EncodeError> {
    let start = out.len();
    out.put_u32(0);
    out.put_u8(frame.body.kind());
    out.put_u64(frame.flow);
    frame.body.put(out);
    let len = out.len() - start - 4;
    let Some(field) = u32::try_from(len).ok().filter(|_| len <= MAX_FRAME) else {
        out.truncate(start);
        return Err(EncodeError { len });
    };
    out[start..start + 4].copy_from_slice(&field.to_be_bytes());
    Ok(())
}

/// Takes the next frame from the front of a buffer; `None` when it is not all there yet.
///
/// # Errors
///
/// The bytes are no frame. Nothing after them can be understood.
pub fn decode(from: &mut BytesMut) -> Result<Option<Frame>, DecodeError> {
    let Some(field) = from.first_chunk::<4>() else { return Ok(None) };
    let len = u32::from_be_bytes(*field) as usize;
    if len > MAX_FRAME {
        return Err(DecodeError::Long { len });
    }
    if len < HEADER {
        return Err(DecodeError::Short);
    }
    if from.len() < 4 + len {
        return Ok(None);
    }
    from.advance(4);
    let mut rest = from.split_to(len).freeze();
    let (kind, flow) = (rest.get_u8(), rest.get_u64());
    let body = Body::take(kind, &mut rest)?;
    match rest.len() {
        0 => Ok(Some(Frame { flow, body })),
        len => Err(DecodeError::Rest { len }),
    }
}

impl Body {
    const fn kind(&self) -> u8 {
        match self {
            Self::Accept => 0,
            Self::Credit(_) => 1,
            Self::Data(_) => 2,
            Self::Datagram(_) => 3,
            Self::Eof => 4,
            Self::Open(_) => 5,
            Self::Refuse(_) => 6,
            Self::Reset => 7,
            Self::SetSpec(_) => 8,
            Self::SpecSet => 9,
        }
    }

    fn put(&self, out: &mut BytesMut) {
        match self {
            Self::Accept | Self::Eof | Self::Reset | Self::SpecSet => {}
            Self::Credit(bytes) => out.put_u32(*bytes),
            Self::Data(bytes) | Self::Datagram(bytes) => out.put_slice(bytes),
            Self::Open(open) => open.put(out),
            Self::Refuse(reason) => out.put_u8(*reason as u8),
            Self::SetSpec(text) => out.put_slice(text.as_bytes()),
        }
    }

    fn take(kind: u8, rest: &mut Bytes) -> Result<Self, DecodeError> {
        Ok(match kind {
            0 => Self::Accept,
            1 => Self::Credit(rest.try_get_u32().or(Err(DecodeError::Short))?),
            2 => Self::Data(rest.split_to(rest.len())),
            3 => Self::Datagram(rest.split_to(rest.len())),
            4 => Self::Eof,
            5 => Self::Open(Open::take(rest)?),
            6 => Self::Refuse(match byte(rest)? {
                0 => Reason::Refused,
                1 => Reason::Unreachable,
                2 => Reason::TimedOut,
                3 => Reason::Other,
                value => return Err(DecodeError::Unknown { what: "reason", value }),
            }),
            7 => Self::Reset,
            8 => Self::SetSpec(text(rest)?),
            9 => Self::SpecSet,
            value => return Err(DecodeError::Unknown { what: "kind of frame", value }),
        })
    }
}

impl Open {
    fn put(&self, out: &mut BytesMut) {
        out.put_u8(match self.transport {
            Transport::Tcp => 6,
            Transport::Udp => 17,
        });
        put_addr(out, self.client);
        put_addr(out, self.server);
        out.put_u32(self.pid);
        out.put_u32(self.parent);
        out.put_slice(self.path.as_bytes());
    }

    fn take(rest: &mut Bytes) -> Result<Self, DecodeError> {
        // The numbers of the protocols in IP.
        let transport = match byte(rest)? {
            6 => Transport::Tcp,
            17 => Transport::Udp,
            value => return Err(DecodeError::Unknown { what: "transport", value }),
        };
        let (client, server) = (addr(rest)?, addr(rest)?);
        let pid = rest.try_get_u32().or(Err(DecodeError::Short))?;
        let parent = rest.try_get_u32().or(Err(DecodeError::Short))?;
        Ok(Self { transport, client, server, pid, parent, path: text(rest)? })
    }
}

fn put_addr(out: &mut BytesMut, addr: SocketAddr) {
    match addr.ip() {
        IpAddr::V4(ip) => {
            out.put_u8(4);
            out.put_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            out.put_u8(6);
            out.put_slice(&ip.octets());
        }
    }
    out.put_u16(addr.port());
}

fn byte(rest: &mut Bytes) -> Result<u8, DecodeError> {
    rest.try_get_u8().or(Err(DecodeError::Short))
}

fn addr(rest: &mut Bytes) -> Result<SocketAddr, DecodeError> {
    let ip = match byte(rest)? {
        4 => IpAddr::V4(Ipv4Addr::from_bits(rest.try_get_u32().or(Err(DecodeError::Short))?)),
        6 => IpAddr::V6(Ipv6Addr::from_bits(rest.try_get_u128().or(Err(DecodeError::Short))?)),
        value => return Err(DecodeError::Unknown { what: "family of addresses", value }),
    };
    let port = rest.try_get_u16().or(Err(DecodeError::Short))?;
    Ok(SocketAddr::new(ip, port))
}

fn text(rest: &mut Bytes) -> Result<String, DecodeError> {
    String::from_utf8(rest.split_to(rest.len()).into()).or(Err(DecodeError::Text))
}
