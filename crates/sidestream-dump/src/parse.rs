//! Makes flows out of values of any version, whose members have changed their names and forms.

use std::time::{Duration, SystemTime};

use crate::error::FlowError;
use crate::flow::{
    Connection, Content, Dns, DnsMessage, DnsQuestion, DnsRecord, Endpoint, Failure, Fields, Flow,
    Http, Message, Replayed, Request, Response, Socket, SocketMessage,
};
use crate::pem;
use crate::tnet::Value;
use crate::write::VERSION;

/// How many characters an error shows of what is not known.
const SHOWN: usize = 40;

/// Makes a flow.
pub(crate) fn flow(index: u64, value: &Value) -> Result<Flow, FlowError> {
    check_version(index, value)?;
    let missing = |path| FlowError::Member { index, path };
    let kind = value.get("type").and_then(Value::text).unwrap_or_else(|| "http".into());
    let client = connection(value.get("client_conn").ok_or_else(|| missing("client_conn"))?, true);
    let server = connection(value.get("server_conn").ok_or_else(|| missing("server_conn"))?, false);
    let content = match &*kind {
        "http" => Content::Http(Box::new(http(index, value)?)),
        "websocket" => Content::Http(Box::new(old_socket(value, &server))),
        "tcp" => Content::Tcp(messages(value)),
        "udp" => Content::Udp(messages(value)),
        "dns" => {
            let part = |name| value.get(name).filter(|it| **it != Value::Null).map(dns_message);
            let query = part("request").ok_or_else(|| missing("request"))?;
            Content::Dns(Box::new(Dns { query, answer: part("response") }))
        }
        _ => {
            let kind = kind.chars().take(SHOWN).collect();
            return Err(FlowError::Kind { index, kind });
        }
    };
    let began = match &content {
        Content::Http(http) => Some(http.request.started),
        _ => client.started,
    };
    let created = time(value.get("timestamp_created")).or(began);
    let failure = value.get("error").filter(|it| **it != Value::Null).map(|error| Failure {
        message: error.get("msg").and_then(Value::text).unwrap_or_default(),
        at: time(error.get("timestamp")).or(created).unwrap_or(SystemTime::UNIX_EPOCH),
    });
    Ok(Flow {
        id: value.get("id").and_then(Value::text).unwrap_or_default(),
        created: created.unwrap_or(SystemTime::UNIX_EPOCH),
        client,
        server,
        failure,
        comment: value.get("comment").and_then(Value::text).unwrap_or_default(),
        marker: marker(value.get("marked")),
        metadata: metadata(value.get("metadata")),
        replay: replay(value),
        content,
    })
}

/// Reads how a flow was marked, which once was a matter of yes or no.
fn marker(value: Option<&Value>) -> String {
    match value {
        Some(Value::Bool(true)) => ":default:".into(),
        Some(value) => value.text().unwrap_or_default(),
        None => String::new(),
    }
}

fn metadata(value: Option<&Value>) -> Vec<(String, String)> {
    let Some(Value::Map(pairs)) = value else { return Vec::new() };
    let pair = |(key, value): &(Value, Value)| {
        Some((key.text()?, value.text().unwrap_or_else(|| value.json())))
    };
    pairs.iter().filter_map(pair).collect()
}

/// Reads what was sent again, which once stood in the request and in the response.
fn replay(value: &Value) -> Option<Replayed> {
    let in_part =
        |part| value.get(part).and_then(|it| it.get("is_replay")).is_some_and(Value::is_true);
    match value.get("is_replay").and_then(Value::text).as_deref() {
        Some("request") => Some(Replayed::Request),
        Some("response") => Some(Replayed::Response),
        _ if in_part("request") => Some(Replayed::Request),
        _ if in_part("response") => Some(Replayed::Response),
        _ => None,
    }
}

/// Accepts numbers up to ours, and the versions of mitmproxy itself that came before them.
fn check_version(index: u64, value: &Value) -> Result<(), FlowError> {
    let version = value.get("version");
    let known = match version {
        Some(Value::Int(number)) => (4..=VERSION).contains(number),
        Some(list @ Value::List(_)) => {
            let part = |at: usize| list.list().get(at).and_then(Value::whole);
            matches!((part(0), part(1)), (Some(0), Some(11..=19)) | (Some(1..=3), Some(0)))
        }
        _ => return Err(FlowError::Member { index, path: "version" }),
    };
    let shown = |value: &Value| match value {
        Value::Int(number) => number.to_string(),
        other => {
            let parts = other.list().iter().take(3).filter_map(Value::number);
            parts.map(|part| part.to_string()).collect::<Vec<_>>().join(".")
        }
    };
    let version = version.map(shown).unwrap_or_default();
    if known { Ok(()) } else { Err(FlowError::Version { index, version }) }
}

/// Returns the first of these members that is there.
fn any<'a>(value: &'a Value, names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| value.get(name)).filter(|found| **found != Value::Null)
}

fn time(value: Option<&Value>) -> Option<SystemTime> {
    let seconds = value?.number().filter(|it| *it >= 0.0 && *it < 1e12)?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_micros((seconds * 1e6).round() as u64))
}

/// Reads a host and port, around which older versions had a map.
fn endpoint(value: Option<&Value>) -> Option<Endpoint> {
    let value = value?;
    let value = value.get("address").unwrap_or(value);
    let [host, port, ..] = value.list() else { return None };
    Some(Endpoint { host: host.text()?, port: port.whole()? })
}

fn connection(value: &Value, is_client: bool) -> Connection {
    let peer: &[&str] = if is_client {
        &["peername", "address"]
    } else {
        &["peername", "ip_address", "peer_address"]
    };
    let address = if is_client { None } else { endpoint(any(value, &["address"])) };
    let text = |names: &[&str]| any(value, names).and_then(Value::text);
    // At times it was said to be the name in the address.
    let sni = match value.get("sni") {
        Some(Value::Bool(true)) => address.as_ref().map(|address| address.host.clone()),
        sni => sni.and_then(Value::text),
    };
    Connection {
        id: text(&["id"]).unwrap_or_default(),
        peer: endpoint(any(value, peer)),
        local: endpoint(any(value, &["sockname", "source_address"])),
        address,
        is_udp: text(&["transport_protocol"]).as_deref() == Some("udp"),
        is_tls: any(value, &["tls", "tls_established", "ssl_established"])
            .is_some_and(Value::is_true),
        sni,
        alpn: any(value, &["alpn", "alpn_proto_negotiated"]).and_then(Value::bytes).map(Into::into),
        cipher: text(&["cipher", "cipher_name"]),
        tls_version: text(&["tls_version"]),
        certificates: certificates(value),
        started: time(value.get("timestamp_start")),
        ended: time(value.get("timestamp_end")),
    }
}

/// Reads what the peer showed, of which older versions have the first alone.
fn certificates(value: &Value) -> Vec<Vec<u8>> {
    let texts = match value.get("certificate_list") {
        Some(list) => list.list(),
        None => any(value, &["cert", "clientcert"]).map(std::slice::from_ref).unwrap_or_default(),
    };
    texts
        .iter()
        .filter_map(Value::text)
        .flat_map(|text| pem::read(&text).collect::<Vec<_>>())
        .collect()
}

fn http(index: u64, value: &Value) -> Result<Http, FlowError> {
    let missing = |path| FlowError::Member { index, path };
    let request = value.get("request").ok_or_else(|| missing("request"))?;
    let bytes =
        |value: &Value, name: &str| value.get(name).and_then(Value::bytes).map(<[u8]>::to_vec);
    let started = time(request.get("timestamp_start"));
    let taken = Request {
        method: bytes(request, "method").ok_or_else(|| missing("request.method"))?,
        scheme: bytes(request, "scheme").unwrap_or_default(),
        host: request.get("host").and_then(Value::text).unwrap_or_default(),
        port: request.get("port").and_then(Value::whole).unwrap_or_default(),
        authority: bytes(request, "authority").unwrap_or_default(),
        path: bytes(request, "path").unwrap_or_default(),
        version: version(request),
        fields: fields(request.get("headers")).unwrap_or_default(),
        content: content(request),
        trailers: fields(request.get("trailers")),
        started: started.unwrap_or(SystemTime::UNIX_EPOCH),
        ended: time(request.get("timestamp_end")),
    };
    let response = value.get("response").filter(|it| **it != Value::Null).map(|response| {
        let status = any(response, &["status_code", "code"]).and_then(Value::whole);
        let began = time(response.get("timestamp_start")).or(taken.ended);
        Ok(Response {
            status: status.ok_or_else(|| missing("response.status_code"))?,
            reason: any(response, &["reason", "msg"])
                .and_then(Value::bytes)
                .map(Into::into)
                .unwrap_or_default(),
            version: version(response),
            fields: fields(response.get("headers")).unwrap_or_default(),
            content: content(response),
            trailers: fields(response.get("trailers")),
            started: began.unwrap_or(taken.started),
            ended: time(response.get("timestamp_end")),
        })
    });
    let socket = any(value, &["websocket"]).map(socket);
    Ok(Http { request: taken, response: response.transpose()?, socket })
}

fn content(message: &Value) -> Option<Vec<u8>> {
    any(message, &["content", "body"]).and_then(Value::bytes).map(Into::into)
}

/// Reads a version, which was once two numbers.
fn version(message: &Value) -> Vec<u8> {
    if let Some(version) = message.get("http_version").and_then(Value::bytes) {
        return version.to_vec();
    }
    let numbers = message.get("httpversion").map(Value::list).unwrap_or_default();
    match numbers {
        [major, minor, ..] => {
            let [major, minor] = [major, minor].map(|it| it.whole().unwrap_or(1));
            format!("HTTP/{major}.{minor}").into_bytes()
        }
        _ => b"HTTP/1.1".to_vec(),
    }
}

fn fields(value: Option<&Value>) -> Option<Fields> {
    let Some(Value::List(list)) = value else { return None };
    let field = |pair: &Value| match pair.list() {
        [name, value, ..] => Some((name.bytes()?.to_vec(), value.bytes()?.to_vec())),
        _ => None,
    };
    Some(list.iter().filter_map(field).collect())
}

fn messages(value: &Value) -> Vec<Message> {
    let message = |message: &Value| match message.list() {
        [from, data, at, ..] => Some(Message {
            from_client: from.is_true(),
            data: data.bytes()?.to_vec(),
            at: time(Some(at))?,
        }),
        _ => None,
    };
    value.get("messages").map(Value::list).unwrap_or_default().iter().filter_map(message).collect()
}

fn socket(value: &Value) -> Socket {
    let message = |message: &Value| match message.list() {
        [opcode, from, data, at, rest @ ..] => Some(SocketMessage {
            opcode: u8::try_from(opcode.whole()?).ok()?,
            from_client: from.is_true(),
            data: data.bytes()?.to_vec(),
            at: time(Some(at))?,
            dropped: rest.first().is_some_and(Value::is_true),
            injected: rest.get(1).is_some_and(Value::is_true),
        }),
        _ => None,
    };
    let list = value.get("messages").map(Value::list).unwrap_or_default();
    let sender = value.get("close_sender").and_then(Value::text);
    let by_client = match value.get("closed_by_client") {
        Some(Value::Bool(by_client)) => Some(*by_client),
        _ => sender.map(|sender| sender == "client"),
    };
    Socket {
        messages: list.iter().filter_map(message).collect(),
        closed_by_client: by_client,
        close_code: value.get("close_code").and_then(Value::whole),
        close_reason: value.get("close_reason").and_then(Value::text),
        ended: time(value.get("timestamp_end")),
    }
}

/// Makes up the request that opened a WebSocket: until version 11 that was a flow of its own,
/// somewhere before.
fn old_socket(value: &Value, server: &Connection) -> Http {
    let at = server.address.clone().or_else(|| server.peer.clone());
    let Endpoint { host, port } =
        at.unwrap_or_else(|| Endpoint { host: "unknown".into(), port: 80 });
    let socket = socket(value);
    let first = socket.messages.first().map(|message| message.at);
    let request = Request {
        method: b"GET".to_vec(),
        scheme: if server.is_tls { b"https".to_vec() } else { b"http".to_vec() },
        host,
        port,
        authority: Vec::new(),
        path: b"/".to_vec(),
        version: b"HTTP/1.1".to_vec(),
        fields: Vec::new(),
        content: None,
        trailers: None,
        started: server.started.or(first).unwrap_or(SystemTime::UNIX_EPOCH),
        ended: None,
    };
    Http { request, response: None, socket: Some(socket) }
}

fn dns_message(value: &Value) -> DnsMessage {
    let number = |name| value.get(name).and_then(Value::whole).unwrap_or_default();
    let is = |name| value.get(name).is_some_and(Value::is_true);
    let list = |name| value.get(name).map(Value::list).unwrap_or_default();
    let name = |value: &Value| value.get("name").and_then(Value::text).unwrap_or_default();
    let of = |value: &Value, name| value.get(name).and_then(Value::whole).unwrap_or_default();
    let record = |value: &Value| DnsRecord {
        name: name(value),
        kind: of(value, "type"),
        class: of(value, "class_"),
        ttl: value.get("ttl").and_then(Value::number).unwrap_or_default() as u32,
        data: value.get("data").and_then(Value::bytes).unwrap_or_default().to_vec(),
    };
    DnsMessage {
        at: time(value.get("timestamp")).unwrap_or(SystemTime::UNIX_EPOCH),
        id: number("id"),
        is_query: is("query"),
        opcode: (number("op_code") & 15) as u8,
        flags: ["authoritative_answer", "truncation", "recursion_desired", "recursion_available"]
            .map(is),
        reserved: (number("reserved") & 7) as u8,
        rcode: number("response_code"),
        questions: list("questions")
            .iter()
            .map(|it| DnsQuestion { name: name(it), kind: of(it, "type"), class: of(it, "class_") })
            .collect(),
        sections: ["answers", "authorities", "additionals"]
            .map(|section| list(section).iter().map(record).collect()),
    }
}
