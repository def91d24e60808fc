//! Dumps of mitmproxy, made by hand.

/// A value of a dump.
pub(crate) fn tnet(content: impl AsRef<[u8]>, kind: u8) -> Vec<u8> {
    let content = content.as_ref();
    [format!("{}:", content.len()).as_bytes(), content, &[kind]].concat()
}

pub(crate) fn map(pairs: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let pairs = pairs.iter().flat_map(|(name, value)| [tnet(name, b';'), value.clone()].concat());
    tnet(pairs.collect::<Vec<_>>(), b'}')
}

/// A flow of a dump, with a response of that body under those codings.
pub(crate) fn flow(host: &[u8], codings: &str, body: &[u8]) -> Vec<u8> {
    let bytes = |text: &str| tnet(text, b',');
    let field = [bytes("content-encoding"), bytes(codings)].concat();
    let fields = tnet(tnet(field, b']'), b']');
    let request = map(&[
        ("method", bytes("GET")),
        ("scheme", bytes("http")),
        ("host", tnet(host, b',')),
        ("port", tnet("80", b'#')),
        ("path", bytes("/")),
        ("timestamp_start", tnet("1767322245.0", b'^')),
    ]);
    let response = map(&[
        ("status_code", tnet("200", b'#')),
        ("headers", fields),
        ("content", tnet(body, b',')),
        ("timestamp_start", tnet("1767322246.0", b'^')),
    ]);
    map(&[
        ("version", tnet("21", b'#')),
        ("type", bytes("http")),
        ("client_conn", map(&[])),
        ("server_conn", map(&[])),
        ("request", request),
        ("response", response),
    ])
}

/// Bytes that do not shrink.
pub(crate) fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

/// Some hundred KiB of lines, in which each is there once.
pub(crate) fn lines() -> String {
    (0..20_000).map(|number| format!("line {}\n", number * 7919)).collect()
}
