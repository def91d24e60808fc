//! What client and server agreed on in their opening handshake (RFC 6455 §9, RFC 7692 §7.1).

use sidestream_record::Fields;

/// The extensions in use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// How messages are compressed, if they may be.
    pub deflate: Option<Deflate>,
    /// Whether there are others, which are not known here.
    pub others: bool,
}

/// What was agreed on for `permessage-deflate`.
///
/// The sizes of the windows are left out: whoever inflates with the largest reads all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deflate {
    /// The client compresses each message by itself.
    pub client_no_context_takeover: bool,
    /// The server compresses each message by itself.
    pub server_no_context_takeover: bool,
}

impl Extensions {
    /// Reads them from the fields of the 101 response.
    pub fn agreed(response: &Fields) -> Self {
        let mut extensions = Self::default();
        let fields = response.get_all("sec-websocket-extensions");
        let members = fields.flat_map(|value| value.split(|byte| *byte == b','));
        for member in members {
            let mut parts = member.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
            let name = parts.next().unwrap_or_default();
            if name.eq_ignore_ascii_case(b"permessage-deflate") && extensions.deflate.is_none() {
                extensions.deflate = Some(Deflate::of(parts));
            } else if !name.is_empty() {
                extensions.others = true;
            }
        }
        extensions
    }
}

impl Deflate {
    fn of<'a>(parameters: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut deflate = Self::default();
        for parameter in parameters {
            if parameter.eq_ignore_ascii_case(b"client_no_context_takeover") {
                deflate.client_no_context_takeover = true;
            } else if parameter.eq_ignore_ascii_case(b"server_no_context_takeover") {
                deflate.server_no_context_takeover = true;
            }
        }
        deflate
    }
}
