//! Heads that hooks made, put right: lengths are true, and what two servers could read in two ways
//! is refused.

use bytes::Bytes;
use rustls::pki_types::ServerName;
use sidestream_record::{Field, Fields, RequestHead, ResponseHead, Version};

use super::Asked;
use crate::http::authority;
use crate::http1::{self, Framing, is_token};
use crate::translate::{Name, words};

/// Why a head that a hook made cannot be sent.
pub(crate) type Unsound = &'static str;

/// A server that a hook named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) secure: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Origin {
    /// Returns the name by which its certificate is judged, if it has TLS.
    ///
    /// # Errors
    ///
    /// The host is no name.
    pub(crate) fn name(&self) -> Result<Option<Name>, String> {
        if !self.secure {
            return Ok(None);
        }
        let name = ServerName::try_from(self.host.clone()).map_err(|error| error.to_string())?;
        Ok(Some(Name { name, sent: true }))
    }
}

/// An absolute URI, taken apart.
struct Uri<'a> {
    origin: Origin,
    scheme: &'a str,
    authority: &'a str,
    path: String,
}

impl<'a> Uri<'a> {
    fn parse(url: &'a str) -> Result<Self, Unsound> {
        let (scheme, rest) = url.split_once("://").ok_or("a URL without a scheme")?;
        let secure = match scheme {
            "http" => false,
            "https" => true,
            _ => return Err("a URL that is neither http nor https"),
        };
        if url.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err("a URL with a space or a control character");
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (place, path) = rest.split_at(end);
        let place = place.rsplit_once('@').map_or(place, |(_user, place)| place);
        let default = if secure { 443 } else { 80 };
        let (host, port) = authority(place, Some(default)).ok_or("a URL without a host")?;
        let path = path.split('#').next().unwrap_or(path);
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { origin: Origin { secure, host, port }, scheme, authority: place, path })
    }
}

/// Gives a request another URL, and returns the server that it names if that is another one.
pub(crate) fn moved_request(
    asked: &Asked,
    url: &str,
    head: &mut RequestHead,
) -> Result<Option<Origin>, Unsound> {
    let to = Uri::parse(url)?;
    let from = Uri::parse(&asked.url)?;
    let authority = Bytes::copy_from_slice(to.authority.as_bytes());
    let path = Bytes::from(to.path);
    let absolute = memchr::memmem::find(&asked.head.target, b"://").is_some();
    if head.version == Version::Http2 {
        put(&mut head.fields, ":scheme", Bytes::copy_from_slice(to.scheme.as_bytes()), true);
        put(&mut head.fields, ":path", path.clone(), true);
        if from.authority != to.authority {
            put(&mut head.fields, ":authority", authority.clone(), true);
        }
    }
    if from.authority != to.authority {
        let named = head.version != Version::Http2;
        put(&mut head.fields, "Host", authority, named);
    }
    head.target = if absolute && head.version != Version::Http2 {
        Bytes::copy_from_slice(url.as_bytes())
    } else {
        path
    };
    Ok((from.origin != to.origin).then_some(to.origin))
}

/// Gives the first field of that name a value; where there is none, one is added if `add` says so.
fn put(fields: &mut Fields, name: &str, value: Bytes, add: bool) {
    match fields.0.iter_mut().find(|field| field.is(name)) {
        Some(field) => field.value = value,
        None if add && name.starts_with(':') => {
            fields.0.insert(0, Field::new(name.to_owned(), value));
        }
        None if add => fields.push(name.to_owned(), value),
        None => {}
    }
}

/// Makes a request that a hook changed one that can be sent: `framing` is that of the original,
/// and `body` the new one.
pub(crate) fn reframed_request(
    original: &RequestHead,
    mut head: RequestHead,
    framing: Framing,
    body: Option<&Bytes>,
) -> Result<RequestHead, Unsound> {
    head.version = original.version;
    head.fields = reframed(&original.fields, head.fields, framing, body);
    sound(&head.fields)?;
    if head.method.is_empty() || !head.method.iter().all(|&byte| is_token(byte)) {
        return Err("a method that is none");
    }
    http1::request_framing(&head).or(Err("a request that servers read differently"))?;
    Ok(head)
}

/// Makes a response that a hook changed one that can be sent.
pub(crate) fn reframed_response(
    original: &ResponseHead,
    mut head: ResponseHead,
    method: &[u8],
    framing: Framing,
    body: Option<&Bytes>,
) -> Result<ResponseHead, Unsound> {
    head.version = original.version;
    head.fields = reframed(&original.fields, head.fields, framing, body);
    sound_status(&head)?;
    if body_allowed(original.status, method) != body_allowed(head.status, method) {
        return Err("a status that has a body in place of one that has none, or the reverse");
    }
    http1::response_framing(&head, method).or(Err("a response that clients read differently"))?;
    Ok(head)
}

fn reframed(
    original: &Fields,
    mut fields: Fields,
    framing: Framing,
    body: Option<&Bytes>,
) -> Fields {
    let frames = |field: &&Field| field.is("content-length") || field.is("transfer-encoding");
    if !original.iter().filter(frames).eq(fields.iter().filter(frames)) {
        fields.0.retain(|field| !frames(&field));
        fields.0.extend(original.iter().filter(frames).cloned());
    }
    if let Some(body) = body.filter(|_| framing != Framing::Chunked) {
        let length = Bytes::from(body.len().to_string());
        let mut first = true;
        fields.0.retain_mut(|field| {
            if !field.is("content-length") {
                return true;
            }
            field.value = length.clone();
            std::mem::replace(&mut first, false)
        });
        let is_needed = !body.is_empty() && framing != Framing::UntilClose;
        if first && is_needed {
            fields.push("Content-Length", length);
        }
    }
    fields
}

fn sound(fields: &Fields) -> Result<(), Unsound> {
    for Field { name, value } in fields {
        let word = name.strip_prefix(b":").unwrap_or(name);
        if word.is_empty() || !word.iter().all(|&byte| is_token(byte)) {
            return Err("a field name that is none");
        }
        if value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return Err("a field value with a line break");
        }
    }
    Ok(())
}

fn sound_status(head: &ResponseHead) -> Result<(), Unsound> {
    sound(&head.fields)?;
    if !(200..=599).contains(&head.status) { Err("a status that ends no exchange") } else { Ok(()) }
}

fn body_allowed(status: u16, method: &[u8]) -> bool {
    method != b"HEAD" && !matches!(status, 204 | 304)
}

/// Makes an answer that a hook gives one that can be sent, with its length.
pub(crate) fn checked_answer(
    mut head: ResponseHead,
    body: &Bytes,
    method: &[u8],
) -> Result<ResponseHead, Unsound> {
    head.version = Version::Http11;
    let frames = |field: &Field| field.is("content-length") || field.is("transfer-encoding");
    head.fields.0.retain(|field| !frames(field));
    if head.status != 204 && head.status != 304 {
        head.fields.push("Content-Length", body.len().to_string());
    }
    sound_status(&head)?;
    http1::response_framing(&head, method).or(Err("a response that clients read differently"))?;
    Ok(head)
}

/// Returns what is sent of an answer's body.
pub(crate) fn body_of_answer(head: &ResponseHead, body: Bytes, method: &[u8]) -> Bytes {
    if body_allowed(head.status, method) { body } else { Bytes::new() }
}

/// Returns fields as HTTP/2 has them, what begins with a colon first.
pub(crate) fn fields_for_http2(fields: &Fields) -> Result<Fields, Unsound> {
    let (pseudo, regular): (Vec<_>, Vec<_>) =
        fields.iter().cloned().partition(|field| field.name.starts_with(b":"));
    let regular = words::regular_to_http2(&Fields(regular))?;
    Ok(pseudo.into_iter().chain(regular).collect())
}
