//! The form of an entry (HAR 1.2), with the members of others' that begin with an underscore.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};

use crate::date;
use crate::entry::{self, Body, Direction, Param};
use crate::query::{self, Cookie};

#[derive(Debug, Serialize)]
pub(super) struct Creator<'a> {
    pub(super) name: &'a str,
    pub(super) version: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry<'a> {
    started_date_time: String,
    time: f64,
    request: Request<'a>,
    response: Response<'a>,
    cache: Empty,
    timings: Timings,
    #[serde(rename = "serverIPAddress", skip_serializing_if = "Option::is_none")]
    server_ip_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<&'a str>,
    #[serde(rename = "_resourceType", skip_serializing_if = "Option::is_none")]
    resource_type: Option<&'static str>,
    #[serde(rename = "_webSocketMessages", skip_serializing_if = "Vec::is_empty")]
    messages: Vec<Message<'a>>,
    #[serde(rename = "_process", skip_serializing_if = "Option::is_none")]
    process: Option<Process<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'a str>,
    #[serde(rename = "_remarks", skip_serializing_if = "Option::is_none")]
    remarks: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Empty {}

#[derive(Debug, Serialize)]
struct Pair<'a> {
    name: &'a str,
    value: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    method: &'a str,
    url: &'a str,
    http_version: &'a str,
    cookies: Vec<Cookie>,
    headers: Vec<Pair<'a>>,
    query_string: Vec<Owned>,
    #[serde(skip_serializing_if = "Option::is_none")]
    post_data: Option<PostData<'a>>,
    headers_size: i64,
    body_size: i64,
}

#[derive(Debug, Serialize)]
struct Owned {
    name: String,
    value: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PostData<'a> {
    mime_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<Vec<PostParam<'a>>>,
    text: Text<'a>,
    #[serde(rename = "_encoding", skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PostParam<'a> {
    name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    status: u16,
    status_text: &'a str,
    http_version: &'a str,
    cookies: Vec<Cookie>,
    headers: Vec<Pair<'a>>,
    content: Content<'a>,
    #[serde(rename = "redirectURL")]
    redirect_url: &'a str,
    headers_size: i64,
    body_size: i64,
    #[serde(rename = "_error", skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Content<'a> {
    size: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    compression: Option<i64>,
    mime_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Timings {
    blocked: f64,
    dns: f64,
    connect: f64,
    ssl: f64,
    send: f64,
    wait: f64,
    receive: f64,
}

#[derive(Debug, Serialize)]
struct Message<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    time: f64,
    opcode: u8,
    data: Text<'a>,
}

#[derive(Debug, Serialize)]
struct Process<'a> {
    pid: u32,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<&'a str>,
}

/// Text as it is, bytes in Base64, encoded as they are written.
#[derive(Clone, Copy, Debug)]
enum Text<'a> {
    Plain(&'a str),
    Base64(&'a [u8]),
}

impl<'a> Text<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        std::str::from_utf8(bytes).map_or(Self::Base64(bytes), Self::Plain)
    }

    fn encoding(self) -> Option<&'static str> {
        matches!(self, Self::Base64(_)).then_some("base64")
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Plain(text) => to.serialize_str(text),
            Self::Base64(bytes) => {
                to.collect_str(&base64::display::Base64Display::new(bytes, &STANDARD))
            }
        }
    }
}

impl<'a> From<&'a entry::Entry> for Entry<'a> {
    fn from(entry: &'a entry::Entry) -> Self {
        let has_socket = !entry.messages.is_empty();
        Self {
            started_date_time: date::format(entry.started),
            time: millis(entry.timings.total()),
            request: (&entry.request).into(),
            response: Response::new(entry.response.as_ref(), entry.failure.as_deref()),
            cache: Empty {},
            timings: (&entry.timings).into(),
            server_ip_address: entry.server.map(|ip| ip.to_string()),
            connection: entry.connection.as_deref(),
            resource_type: has_socket.then_some("websocket"),
            messages: entry.messages.iter().map(Into::into).collect(),
            process: entry.process.as_ref().map(Into::into),
            comment: entry.comment.as_deref().or(entry.remarks.as_deref()),
            remarks: entry.remarks.as_deref(),
        }
    }
}

impl<'a> From<&'a entry::Request> for Request<'a> {
    fn from(request: &'a entry::Request) -> Self {
        let query = query::pairs(query::of_url(&request.url));
        let body = &request.body;
        let has_body = body.content.is_some() || !request.params.is_empty();
        Self {
            method: &request.method,
            url: &request.url,
            http_version: &request.version,
            cookies: query::sent(&request.fields),
            headers: pairs(&request.fields),
            query_string: query.map(|it| Owned { name: it.name, value: it.value }).collect(),
            post_data: has_body.then(|| post_data(request)),
            headers_size: -1,
            body_size: size(body.transferred),
        }
    }
}

fn post_data(request: &entry::Request) -> PostData<'_> {
    let Body { content, media_type, comment, .. } = &request.body;
    let text = Text::of(content.as_deref().unwrap_or_default());
    let is_form = query::essence(media_type) == "application/x-www-form-urlencoded";
    let params = match text {
        _ if !request.params.is_empty() => Some(request.params.iter().map(param).collect()),
        Text::Plain(form) if is_form => {
            let one = |field: entry::Field| PostParam {
                name: field.name.into(),
                value: Some(field.value.into()),
                file_name: None,
                content_type: None,
            };
            Some(query::pairs(form.trim_end()).map(one).collect())
        }
        _ => None,
    };
    let comment = comment.as_deref();
    PostData { mime_type: media_type, params, text, encoding: text.encoding(), comment }
}

fn param(param: &Param) -> PostParam<'_> {
    PostParam {
        name: (&*param.name).into(),
        value: param.value.as_deref().map(Into::into),
        file_name: param.file_name.as_deref(),
        content_type: param.content_type.as_deref(),
    }
}

impl<'a> Response<'a> {
    fn new(response: Option<&'a entry::Response>, error: Option<&'a str>) -> Self {
        let Some(response) = response else { return Self::absent(error) };
        let location = query::of(&response.fields, "location").next();
        let is_redirect = (300..400).contains(&response.status);
        Self {
            status: response.status,
            status_text: &response.reason,
            http_version: &response.version,
            cookies: query::set(&response.fields),
            headers: pairs(&response.fields),
            content: (&response.body).into(),
            redirect_url: location.filter(|_| is_redirect).unwrap_or_default(),
            headers_size: -1,
            body_size: size(response.body.transferred),
            error,
        }
    }

    /// The response that did not come, which an archive must have all the same.
    const fn absent(error: Option<&'a str>) -> Self {
        Self {
            status: 0,
            status_text: "",
            http_version: "",
            cookies: Vec::new(),
            headers: Vec::new(),
            content: Content {
                size: 0,
                compression: None,
                mime_type: "x-unknown",
                text: None,
                encoding: None,
                comment: None,
            },
            redirect_url: "",
            headers_size: -1,
            body_size: -1,
            error,
        }
    }
}

impl<'a> From<&'a Body> for Content<'a> {
    fn from(body: &'a Body) -> Self {
        let text = body.content.as_deref().map(Text::of);
        let decoded =
            body.bytes.or_else(|| body.content.as_ref().map(|content| content.len() as u64));
        let saved = |decoded: u64, transferred: u64| {
            let saved = i128::from(decoded) - i128::from(transferred);
            i64::try_from(saved).ok().filter(|saved| *saved > 0)
        };
        Self {
            size: decoded.map_or(0, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
            compression: decoded.zip(body.transferred).and_then(|(all, sent)| saved(all, sent)),
            mime_type: if body.media_type.is_empty() { "x-unknown" } else { &body.media_type },
            text,
            encoding: text.and_then(Text::encoding),
            comment: body.comment.as_deref(),
        }
    }
}

impl From<&entry::Timings> for Timings {
    fn from(timings: &entry::Timings) -> Self {
        let of = |part: Option<Duration>| part.map_or(-1.0, millis);
        Self {
            blocked: of(timings.blocked),
            dns: of(timings.dns),
            connect: of(timings.connect),
            ssl: of(timings.ssl),
            send: of(timings.send),
            wait: of(timings.wait),
            receive: of(timings.receive),
        }
    }
}

impl<'a> From<&'a entry::SocketMessage> for Message<'a> {
    fn from(message: &'a entry::SocketMessage) -> Self {
        let since = message.at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let kind = match message.direction {
            Direction::Received => "receive",
            Direction::Sent => "send",
        };
        // Who reads goes by the opcode: text is text, all else is Base64.
        let data = match (message.opcode, Text::of(&message.data)) {
            (1, text) => text,
            _ => Text::Base64(&message.data),
        };
        let time = since.as_micros() as f64 / 1e6;
        Self { kind, time, opcode: message.opcode, data }
    }
}

impl<'a> From<&'a entry::Process> for Process<'a> {
    fn from(process: &'a entry::Process) -> Self {
        Self {
            pid: process.pid,
            name: &process.name,
            path: process.path.as_deref(),
            user: process.user.as_deref(),
            container: process.container.as_deref(),
        }
    }
}

fn pairs(fields: &[entry::Field]) -> Vec<Pair<'_>> {
    fields.iter().map(|field| Pair { name: &field.name, value: &field.value }).collect()
}

fn size(bytes: Option<u64>) -> i64 {
    bytes.map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX))
}

/// Milliseconds to the microsecond.
fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e3
}
