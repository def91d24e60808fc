//! Makes an entry out of the members that are there.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::lax::{List, Object, Scalar};
use super::shape::{self, Shape};
use crate::date;
use crate::entry::{
    Body, Direction, Entry, Field, Param, Process, Request, Response, SocketMessage, Timings,
};
use crate::error::EntryError;
use crate::query;

/// Base64 as it is met: padded or not, and with bits left over.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Makes an entry.
pub(super) fn entry(index: u64, shape: Shape) -> Result<Entry, EntryError> {
    let wrong = |path, found: &Scalar, wanted| match found {
        Scalar::Absent => EntryError::Missing { index, path },
        found => EntryError::Wrong { index, path, found: found.shown(), wanted },
    };
    let request = match shape.request {
        Object::Is(request) => request,
        Object::Other(found) => return Err(wrong("request", &found, "an object")),
    };
    let started = started(&shape.started_date_time)
        .ok_or_else(|| wrong("startedDateTime", &shape.started_date_time, "a date"))?;
    let timings = timings(&shape.timings.or_default(), &shape.time);
    let (response, error) = match shape.response {
        Object::Is(response) => {
            let error = response.error.clone().into_text();
            (taken_response(index, response)?, error)
        }
        Object::Other(_) => (None, None),
    };
    let process = match shape.process {
        Object::Is(process) => Some(taken_process(process)),
        // Others name the program alone, or with its id behind it.
        Object::Other(found) => {
            let name = found.into_text().or_else(|| shape.client_process.into_text());
            name.map(named)
        }
    };
    let failure = error
        .filter(|error| !error.is_empty())
        .or_else(|| response.is_none().then(|| "no response is in the archive".to_owned()));
    // Where the user noted nothing, what the program has to say stands in both places.
    let remarks = text(shape.remarks);
    let comment = text(shape.comment).filter(|comment| Some(comment) != remarks.as_ref());
    Ok(Entry {
        started,
        request: taken_request(index, request)?,
        response,
        timings,
        server: shape.server_ip_address.into_text().as_deref().and_then(address),
        connection: shape.connection.into_text().filter(|name| !name.is_empty()),
        messages: shape.messages.0.into_iter().filter_map(|it| message(it, started)).collect(),
        process,
        failure,
        comment,
        remarks,
    })
}

/// Reads a date; a number is seconds or milliseconds since 1970.
fn started(date: &Scalar) -> Option<SystemTime> {
    match date {
        Scalar::Text(text) => date::parse(text).or_else(|| epoch(text.trim().parse().ok()?)),
        Scalar::Number(number) => epoch(*number),
        _ => None,
    }
}

fn epoch(number: f64) -> Option<SystemTime> {
    // In seconds that would be the year 5138.
    date::of_seconds(if number.abs() > 1e11 { number / 1e3 } else { number })
}

fn text(value: Scalar) -> Option<String> {
    value.into_text().filter(|text| !text.is_empty())
}

fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_start_matches('[').trim_end_matches(']');
    text.parse().ok()
}

fn timings(timings: &shape::Timings, time: &Scalar) -> Timings {
    let of = |part: &Scalar| {
        let millis = part.number().filter(|millis| *millis >= 0.0)?;
        let micros = (millis * 1e3).round();
        (micros < 1e15).then_some(Duration::from_micros(micros as u64))
    };
    let [blocked, dns, connect] = [&timings.blocked, &timings.dns, &timings.connect].map(of);
    let (ssl, send) = (of(&timings.ssl), of(&timings.send));
    let wait = of(&timings.wait);
    let receive = of(&timings.receive);
    // Who tells the whole alone waited for that long.
    let told = [blocked, dns, connect, send, wait, receive].iter().any(Option::is_some);
    let wait = if told { wait } else { of(time) };
    Timings { blocked, dns, connect, ssl, send, wait, receive }
}

fn fields(list: List<shape::Pair>) -> Vec<Field> {
    let field = |pair: shape::Pair| {
        let name = text(pair.name)?;
        Some(Field { name, value: pair.value.into_text().unwrap_or_default() })
    };
    list.0.into_iter().filter_map(field).collect()
}

fn taken_request(index: u64, request: shape::Request) -> Result<Request, EntryError> {
    let path = "request.url";
    let url = match request.url {
        Scalar::Text(url) if !url.is_empty() => url,
        Scalar::Absent => return Err(EntryError::Missing { index, path }),
        found => {
            let found = found.shown();
            return Err(EntryError::Wrong { index, path, found, wanted: "a URL" });
        }
    };
    let post = request.post_data.or_default();
    let body = &mut Body { transferred: request.body_size.size(), ..Body::default() };
    let params: Vec<_> = post.params.0.into_iter().map(param).collect();
    body.media_type = post.mime_type.into_text().unwrap_or_default();
    body.comment = text(post.comment);
    let coded = [post.encoding, post.own_encoding].into_iter().any(|it| is_base64(&it));
    body.content = content(index, "request.postData.text", post.text, coded)?;
    let is_form = query::essence(&body.media_type) == "application/x-www-form-urlencoded";
    if body.content.as_ref().is_none_or(Vec::is_empty) && !params.is_empty() && is_form {
        let pairs = params.iter().map(|it| (&*it.name, it.value.as_deref().unwrap_or_default()));
        body.content = Some(query::form(pairs).into_bytes());
    }
    body.bytes = body.content.as_ref().map(|content| content.len() as u64);
    Ok(Request {
        method: text(request.method).unwrap_or_else(|| "GET".into()),
        url: with_query(url, request.query_string),
        version: request.http_version.into_text().unwrap_or_default(),
        fields: fields(request.headers),
        body: std::mem::take(body),
        params,
    })
}

/// Puts the query behind a URL that lacks it, as that of a request yet to be sent does.
fn with_query(url: String, list: List<shape::Pair>) -> String {
    let pairs = fields(list);
    if pairs.is_empty() || url.contains('?') {
        return url;
    }
    let query = query::form(pairs.iter().map(|pair| (&*pair.name, &*pair.value)));
    let end = url.find('#').unwrap_or(url.len());
    format!("{}?{query}", &url[..end])
}

fn param(param: shape::Param) -> Param {
    Param {
        name: param.name.into_text().unwrap_or_default(),
        value: param.value.into_text(),
        file_name: text(param.file_name),
        content_type: text(param.content_type),
    }
}

fn taken_response(index: u64, response: shape::Response) -> Result<Option<Response>, EntryError> {
    let status = match response.status.number() {
        // What browsers write where no response came.
        None | Some(0.0 | -1.0) => return Ok(None),
        Some(status) if (100.0..=999.0).contains(&status) => status as u16,
        Some(_) => {
            let (path, found) = ("response.status", response.status.shown());
            return Err(EntryError::Wrong { index, path, found, wanted: "a status" });
        }
    };
    let shape = response.content.or_default();
    let path = "response.content.text";
    let content = content(index, path, shape.text, is_base64(&shape.encoding))?;
    let media_type = shape.mime_type.into_text().unwrap_or_default();
    let body = Body {
        bytes: shape.size.size().or_else(|| content.as_ref().map(|content| content.len() as u64)),
        content,
        transferred: response.body_size.size().or_else(|| response.transfer_size.size()),
        media_type: if media_type == "x-unknown" { String::new() } else { media_type },
        comment: text(shape.comment),
    };
    Ok(Some(Response {
        status,
        reason: response.status_text.into_text().unwrap_or_default(),
        version: response.http_version.into_text().unwrap_or_default(),
        fields: fields(response.headers),
        body,
    }))
}

fn is_base64(encoding: &Scalar) -> bool {
    matches!(encoding, Scalar::Text(text) if text.trim().eq_ignore_ascii_case("base64"))
}

fn content(
    index: u64,
    path: &'static str,
    text: Scalar,
    coded: bool,
) -> Result<Option<Vec<u8>>, EntryError> {
    let Some(text) = text.into_text() else { return Ok(None) };
    if !coded {
        return Ok(Some(text.into_bytes()));
    }
    // Some break it into lines.
    let decoded = if text.bytes().any(|byte| byte.is_ascii_whitespace()) {
        BASE64.decode(text.bytes().filter(|it| !it.is_ascii_whitespace()).collect::<Vec<_>>())
    } else {
        BASE64.decode(&text)
    };
    let Ok(decoded) = decoded else {
        let found = Scalar::Text(text).shown();
        return Err(EntryError::Wrong { index, path, found, wanted: "Base64" });
    };
    Ok(Some(decoded))
}

/// Makes a message out of one in the form of Chrome, in which all but text is Base64.
fn message(shape: shape::Message, started: SystemTime) -> Option<SocketMessage> {
    let opcode = shape.opcode.number().unwrap_or(1.0);
    let opcode = (0.0..=15.0).contains(&opcode).then_some(opcode as u8)?;
    let text = shape.data.into_text().unwrap_or_default();
    let data = match opcode {
        1 => text.into_bytes(),
        _ => BASE64.decode(&text).unwrap_or_else(|_| text.into_bytes()),
    };
    let direction = match shape.kind.into_text().as_deref() {
        Some("send" | "request") => Direction::Sent,
        _ => Direction::Received,
    };
    let at = shape.time.number().and_then(epoch).unwrap_or(started);
    Some(SocketMessage { direction, at, opcode, data })
}

fn named(name: String) -> Process {
    let parts = name.rsplit_once(':').and_then(|(name, pid)| Some((name, pid.parse().ok()?)));
    match parts {
        Some((name, pid)) => Process { name: name.to_owned(), pid, ..Process::default() },
        None => Process { name, ..Process::default() },
    }
}

fn taken_process(process: shape::Process) -> Process {
    let pid = process.pid.size().and_then(|pid| u32::try_from(pid).ok());
    Process {
        pid: pid.unwrap_or_default(),
        name: process.name.into_text().unwrap_or_default(),
        path: text(process.path),
        user: text(process.user),
        container: text(process.container),
    }
}
