//! The operators that take nothing, and those that take a regular expression.

/// An operator that takes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Flag {
    /// `~all`: everything.
    All,
    /// `~a`: a response that is a script, a style sheet, an image or a font.
    Asset,
    /// `~dns`: a DNS query and its answer.
    Dns,
    /// `~e`: what did not end well.
    Error,
    /// `~http`: an HTTP exchange.
    Http,
    /// `~marked`: what the user marked.
    Marked,
    /// `~replay`: what was sent again.
    Replay,
    /// `~replayq`: a request that was sent again.
    ReplayRequest,
    /// `~replays`: a response that was sent again.
    ReplayResponse,
    /// `~q`: a request without a response, or a message of the client's.
    Request,
    /// `~s`: what has a response, or a message of the server's.
    Response,
    /// `~tcp`: a TCP flow as a row of its own, or a stretch of its bytes.
    Tcp,
    /// `~udp`: a UDP flow as a row of its own, or one of its datagrams.
    Udp,
    /// `~websocket`: a WebSocket message, or the exchange that opened it.
    WebSocket,
}

impl Flag {
    /// Every such operator, by its name.
    pub const ALL: [Self; 14] = [
        Self::Asset,
        Self::All,
        Self::Dns,
        Self::Error,
        Self::Http,
        Self::Marked,
        Self::Request,
        Self::Replay,
        Self::ReplayRequest,
        Self::ReplayResponse,
        Self::Response,
        Self::Tcp,
        Self::Udp,
        Self::WebSocket,
    ];

    /// Returns its name, without the tilde.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Asset => "a",
            Self::Dns => "dns",
            Self::Error => "e",
            Self::Http => "http",
            Self::Marked => "marked",
            Self::Replay => "replay",
            Self::ReplayRequest => "replayq",
            Self::ReplayResponse => "replays",
            Self::Request => "q",
            Self::Response => "s",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::WebSocket => "websocket",
        }
    }
}

/// An operator that takes a regular expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Text {
    /// `~alpn`: the application protocol agreed on with the client.
    Alpn,
    /// `~b`: a body, or a message.
    Body,
    /// `~bq`: the request's body, or a message of the client's.
    BodyRequest,
    /// `~bs`: the response's body, or a message of the server's.
    BodyResponse,
    /// `~comment`: what the user noted.
    Comment,
    /// `~container`: the name, id or image of the process's container.
    Container,
    /// `~t`: a content type.
    ContentType,
    /// `~tq`: the request's content type.
    ContentTypeRequest,
    /// `~ts`: the response's content type.
    ContentTypeResponse,
    /// `~dst`: the server's address and port.
    Destination,
    /// `~d`: the host that was asked.
    Domain,
    /// `~h`: a header field, as `name: value`.
    Header,
    /// `~hq`: a header field of the request.
    HeaderRequest,
    /// `~hs`: a header field of the response.
    HeaderResponse,
    /// `~ja4`: the fingerprint of the client's ClientHello.
    Ja4,
    /// `~marker`: the mark that the user set.
    Marker,
    /// `~meta`: metadata, as lines of `key: value`.
    Metadata,
    /// `~m`: the method.
    Method,
    /// `~process`: the name or path of the process.
    Process,
    /// `~proto`: the protocol, or the version of HTTP.
    Protocol,
    /// `~sni`: the name that the client asked TLS for.
    Sni,
    /// `~src`: the client's address and port.
    Source,
    /// `~u`, and a word alone: the URL, or the name that a DNS query asks for.
    Url,
}

impl Text {
    /// Every such operator, by its name.
    pub const ALL: [Self; 23] = [
        Self::Alpn,
        Self::Body,
        Self::BodyRequest,
        Self::BodyResponse,
        Self::Comment,
        Self::Container,
        Self::Domain,
        Self::Destination,
        Self::Header,
        Self::HeaderRequest,
        Self::HeaderResponse,
        Self::Ja4,
        Self::Method,
        Self::Marker,
        Self::Metadata,
        Self::Process,
        Self::Protocol,
        Self::Sni,
        Self::Source,
        Self::ContentType,
        Self::ContentTypeRequest,
        Self::ContentTypeResponse,
        Self::Url,
    ];

    /// Returns its name, without the tilde.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alpn => "alpn",
            Self::Body => "b",
            Self::BodyRequest => "bq",
            Self::BodyResponse => "bs",
            Self::Comment => "comment",
            Self::Container => "container",
            Self::ContentType => "t",
            Self::ContentTypeRequest => "tq",
            Self::ContentTypeResponse => "ts",
            Self::Destination => "dst",
            Self::Domain => "d",
            Self::Header => "h",
            Self::HeaderRequest => "hq",
            Self::HeaderResponse => "hs",
            Self::Ja4 => "ja4",
            Self::Marker => "marker",
            Self::Metadata => "meta",
            Self::Method => "m",
            Self::Process => "process",
            Self::Protocol => "proto",
            Self::Sni => "sni",
            Self::Source => "src",
            Self::Url => "u",
        }
    }

    /// Returns whether it takes the content of messages to answer.
    pub const fn is_content(self) -> bool {
        matches!(self, Self::Body | Self::BodyRequest | Self::BodyResponse)
    }

    /// Returns whether `^` and `$` stand for the ends of lines.
    pub(crate) const fn has_lines(self) -> bool {
        matches!(self, Self::Comment | Self::Metadata)
    }
}
