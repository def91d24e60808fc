//! Commands for a shell.

use sidestream_record::Version;

use crate::quote::{printf, shell};
use crate::request::{Checked, ExportError, Request};

/// How long a word may be: Linux takes no argument beyond 128 KiB.
const WORD_BYTES: usize = 64 * 1024;

/// Words of a command, each on a line of its own but those that belong together.
struct Words(Vec<String>);

impl Words {
    fn new(program: &str) -> Self {
        Self(vec![program.to_owned()])
    }

    fn option(&mut self, name: &str) {
        self.0.push(name.to_owned());
    }

    /// Adds an option with a value. No head has a zero byte, or it is not sent.
    fn pair(&mut self, name: &str, value: &[u8]) {
        let value: Vec<u8> = value.iter().copied().filter(|byte| *byte != 0).collect();
        let value = shell(&value).unwrap_or_default();
        self.0.push(if name.is_empty() { value } else { format!("{name} {value}") });
    }

    /// Joins them, behind what is piped in.
    fn finish(self, piped: Option<String>) -> String {
        let command = self.0.join(" \\\n  ");
        piped.map_or_else(|| command.clone(), |piped| format!("{piped} | {command}"))
    }
}

/// Returns whether a body can be an argument.
fn fits(body: &[u8]) -> bool {
    body.len() <= WORD_BYTES && std::str::from_utf8(body).is_ok() && !body.contains(&0)
}

fn line(name: &str, value: &[u8]) -> Vec<u8> {
    [name.as_bytes(), b": ", value].concat()
}

/// Puts a request into words as a command of curl that sends it as it was sent, its fields in
/// their order, save that `Host` comes first.
///
/// # Errors
///
/// When no program can send it, or its body is not all there.
pub fn curl(request: Request<'_>) -> Result<String, ExportError> {
    let request = request.check()?;
    let Checked { method, url, body, .. } = request;
    let mut words = Words::new("curl");
    curl_version(&mut words, &request);
    match (method, body.is_empty()) {
        ("GET", true) | ("POST", false) => {}
        ("HEAD", true) => words.option("--head"),
        _ => words.pair("-X", method.as_bytes()),
    }
    if url.contains(['[', ']', '{', '}']) {
        words.option("--globoff");
    }
    if url.contains("/.") {
        words.option("--path-as-is");
    }
    words.pair("", url.as_bytes());
    for (name, value) in &request.fields {
        let is_own = name.eq_ignore_ascii_case("host") && *value == request.authority().as_bytes();
        match *value {
            _ if is_own && *name == "Host" => {}
            // A colon without a value would leave the field out.
            [] => words.pair("-H", format!("{name};").as_bytes()),
            value => words.pair("-H", &line(name, value)),
        }
    }
    // What curl would send of itself.
    for name in ["User-Agent", "Accept"].into_iter().filter(|name| !request.has(name)) {
        words.pair("-H", format!("{name}:").as_bytes());
    }
    if request.has("Accept-Encoding") {
        words.option("--compressed");
    }
    let chunked = request.has("Transfer-Encoding");
    let mut piped = None;
    if !body.is_empty() || chunked {
        for name in ["Content-Type", "Expect"].into_iter().filter(|name| !request.has(name)) {
            words.pair("-H", format!("{name}:").as_bytes());
        }
        if fits(body) {
            words.pair("--data-raw", body);
        } else {
            piped = Some(printf(body));
            words.option("--data-binary @-");
        }
    }
    Ok(words.finish(piped))
}

fn curl_version(words: &mut Words, request: &Checked<'_>) {
    let is_secure = request.url.starts_with("https:");
    match request.version {
        Version::Http10 => words.option("--http1.0"),
        Version::Http11 if is_secure => words.option("--http1.1"),
        Version::Http2 if is_secure => words.option("--http2"),
        Version::Http2 => words.option("--http2-prior-knowledge"),
        Version::Http3 => words.option("--http3"),
        _ => {}
    }
}

/// Puts a request into words as a command of wget 1.x.
///
/// Wget sends `Accept-Encoding`, `Connection` and `Accept` of itself, in its own order; fields of
/// one name are sent as one.
///
/// # Errors
///
/// When no program can send it, or its body is not all there.
pub fn wget(request: Request<'_>) -> Result<String, ExportError> {
    let request = request.check()?;
    let Checked { method, url, body, .. } = request;
    let mut words = Words::new("wget");
    words.option("-O -");
    if method != "GET" || !body.is_empty() {
        words.pair("--method", method.as_bytes());
    }
    // Wget counts for itself, and knows no chunks.
    let own = |name: &str| {
        ["content-length", "transfer-encoding"].iter().any(|it| name.eq_ignore_ascii_case(it))
    };
    for (name, value) in request.joined() {
        let is_host = name.eq_ignore_ascii_case("host") && value == request.authority().as_bytes();
        if !is_host && !own(name) {
            words.pair("--header", &line(name, &value));
        }
    }
    if !request.has("User-Agent") {
        words.option("--user-agent ''");
    }
    let mut piped = None;
    if !body.is_empty() && fits(body) {
        words.pair("--body-data", body);
    } else if !body.is_empty() {
        // It wants to know the length before it sends, and a pipe has none.
        piped = Some(printf(body));
        words.option("--body-file \"$f\"");
    }
    words.pair("", url.as_bytes());
    let command = words.finish(None);
    Ok(match piped {
        Some(printed) => {
            format!("f=$(mktemp) && {printed} > \"$f\" && {command}; rm -f \"$f\"")
        }
        None => command,
    })
}

/// Puts a request into words as a command of HTTPie.
///
/// # Errors
///
/// When no program can send it, or its body is not all there.
pub fn httpie(request: Request<'_>) -> Result<String, ExportError> {
    let request = request.check()?;
    let Checked { method, url, body, .. } = request;
    let mut words = Words::new("http");
    let is_word = fits(body);
    if is_word {
        words.option("--ignore-stdin");
    }
    if url.contains("/.") {
        words.option("--path-as-is");
    }
    if is_word && !body.is_empty() {
        words.pair("--raw", body);
    }
    words.pair("", method.as_bytes());
    words.pair("", url.as_bytes());
    for (name, value) in &request.fields {
        let is_host = name.eq_ignore_ascii_case("host") && *value == request.authority().as_bytes();
        match *value {
            _ if is_host || name.eq_ignore_ascii_case("content-length") => {}
            [] => words.pair("", format!("{name};").as_bytes()),
            // Else it would be read from a file, or be JSON.
            [b'@' | b'=', ..] => words.pair("", &[name.as_bytes(), b":\\", value].concat()),
            value => words.pair("", &[name.as_bytes(), b":", value].concat()),
        }
    }
    let own = ["User-Agent", "Accept", "Accept-Encoding", "Connection"];
    for name in own.into_iter().filter(|name| !request.has(name)) {
        words.pair("", format!("{name}:").as_bytes());
    }
    if !body.is_empty() && !request.has("Content-Type") {
        words.option("Content-Type:");
    }
    Ok(words.finish((!is_word).then(|| printf(body))))
}
