//! Writes flows of version 21, with every member that mitmproxy asks for.

use std::time::SystemTime;

use crate::flow::{
    Connection, Content, Dns, DnsMessage, DnsRecord, Endpoint, Failure, Fields, Flow, Http,
    Message, Replayed, Request, Response, Socket, SocketMessage,
};
use crate::pem;
use crate::tnet::Value;

/// The version that is written, and the newest that is read.
pub const VERSION: i64 = 21;

/// Returns a flow as it stands in a dump, which is nothing but flows.
pub fn write(flow: &Flow) -> Vec<u8> {
    let mut out = Vec::new();
    value(flow).write(&mut out);
    out
}

fn value(flow: &Flow) -> Value {
    let Flow { id, created, client, server, failure, content, .. } = flow;
    let metadata = flow.metadata.iter().map(|(key, value)| (text(key), text(value)));
    let (kind, content) = match content {
        Content::Dns(dns) => ("dns", dns_members(dns)),
        Content::Http(http) => ("http", http_members(http)),
        Content::Tcp(messages) => ("tcp", vec![("messages", list(messages, message))]),
        Content::Udp(messages) => ("udp", vec![("messages", list(messages, message))]),
    };
    let mut members = vec![
        ("version", Value::Int(VERSION)),
        ("type", text(kind)),
        ("id", text(id)),
        ("error", option(failure.as_ref(), failed)),
        ("client_conn", client_connection(client, *created)),
        ("server_conn", server_connection(server)),
        ("intercepted", Value::Bool(false)),
        ("is_replay", option(flow.replay, |part| text(replayed(part)))),
        ("marked", text(&flow.marker)),
        ("metadata", Value::Map(metadata.collect())),
        ("comment", text(&flow.comment)),
        ("timestamp_created", seconds(*created)),
        ("backup", Value::Null),
    ];
    members.extend(content);
    map(members)
}

const fn replayed(part: Replayed) -> &'static str {
    match part {
        Replayed::Request => "request",
        Replayed::Response => "response",
    }
}

fn map(members: Vec<(&str, Value)>) -> Value {
    Value::Map(members.into_iter().map(|(name, value)| (text(name), value)).collect())
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn option<T>(value: Option<T>, form: impl FnOnce(T) -> Value) -> Value {
    value.map_or(Value::Null, form)
}

fn list<T>(values: &[T], form: impl Fn(&T) -> Value) -> Value {
    Value::List(values.iter().map(form).collect())
}

fn bytes(bytes: &[u8]) -> Value {
    Value::Bytes(bytes.to_vec())
}

fn seconds(at: SystemTime) -> Value {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Value::Float(since.as_micros() as f64 / 1e6)
}

fn failed(failure: &Failure) -> Value {
    map(vec![("msg", text(&failure.message)), ("timestamp", seconds(failure.at))])
}

fn endpoint(endpoint: &Endpoint) -> Value {
    Value::List(vec![text(&endpoint.host), Value::Int(endpoint.port.into())])
}

/// The members that both connections have.
fn connection(connection: &Connection) -> Vec<(&'static str, Value)> {
    let text_of = |value: &Option<String>| option(value.as_deref(), text);
    let alpn = connection.alpn.as_deref();
    vec![
        ("peername", option(connection.peer.as_ref(), endpoint)),
        ("sockname", option(connection.local.as_ref(), endpoint)),
        ("id", text(&connection.id)),
        ("transport_protocol", text(if connection.is_udp { "udp" } else { "tcp" })),
        ("error", Value::Null),
        ("tls", Value::Bool(connection.is_tls)),
        ("certificate_list", list(&connection.certificates, |der| Value::Bytes(pem::write(der)))),
        ("alpn", option(alpn, bytes)),
        ("alpn_offers", Value::List(alpn.map(bytes).into_iter().collect())),
        ("cipher", text_of(&connection.cipher)),
        ("cipher_list", Value::List(Vec::new())),
        ("tls_version", text_of(&connection.tls_version)),
        ("sni", text_of(&connection.sni)),
        ("timestamp_end", option(connection.ended, seconds)),
        ("timestamp_tls_setup", option(connection.started.filter(|_| connection.is_tls), seconds)),
    ]
}

fn client_connection(client: &Connection, created: SystemTime) -> Value {
    let nowhere = || Endpoint { host: String::new(), port: 0 };
    // Those of the client may not be missing.
    let peer = client.peer.clone().unwrap_or_else(nowhere);
    let local = client.local.clone().unwrap_or_else(nowhere);
    let whole = Connection { peer: Some(peer), local: Some(local), ..client.clone() };
    let mut members = connection(&whole);
    members.push(("timestamp_start", seconds(client.started.unwrap_or(created))));
    members.push(("mitmcert", Value::Null));
    members.push(("proxy_mode", text("regular")));
    map(members)
}

fn server_connection(server: &Connection) -> Value {
    let started = || option(server.started, seconds);
    let mut members = connection(server);
    members.push(("timestamp_start", started()));
    members.push(("address", option(server.address.as_ref(), endpoint)));
    members.push(("timestamp_tcp_setup", started()));
    members.push(("via", Value::Null));
    map(members)
}

fn http_members(http: &Http) -> Vec<(&'static str, Value)> {
    vec![
        ("request", request(&http.request)),
        ("response", option(http.response.as_ref(), response)),
        ("websocket", option(http.socket.as_ref(), socket)),
    ]
}

fn fields(fields: &Fields) -> Value {
    list(fields, |(name, value)| Value::List(vec![bytes(name), bytes(value)]))
}

fn request(request: &Request) -> Value {
    map(vec![
        ("http_version", bytes(&request.version)),
        ("headers", fields(&request.fields)),
        ("content", option(request.content.as_deref(), bytes)),
        ("trailers", option(request.trailers.as_ref(), fields)),
        ("timestamp_start", seconds(request.started)),
        ("timestamp_end", option(request.ended, seconds)),
        ("host", text(&request.host)),
        ("port", Value::Int(request.port.into())),
        ("method", bytes(&request.method)),
        ("scheme", bytes(&request.scheme)),
        ("authority", bytes(&request.authority)),
        ("path", bytes(&request.path)),
    ])
}

fn response(response: &Response) -> Value {
    map(vec![
        ("http_version", bytes(&response.version)),
        ("headers", fields(&response.fields)),
        ("content", option(response.content.as_deref(), bytes)),
        ("trailers", option(response.trailers.as_ref(), fields)),
        ("timestamp_start", seconds(response.started)),
        ("timestamp_end", option(response.ended, seconds)),
        ("status_code", Value::Int(response.status.into())),
        ("reason", bytes(&response.reason)),
    ])
}

fn socket(socket: &Socket) -> Value {
    map(vec![
        ("messages", list(&socket.messages, socket_message)),
        ("closed_by_client", option(socket.closed_by_client, Value::Bool)),
        ("close_code", option(socket.close_code, |code| Value::Int(code.into()))),
        ("close_reason", option(socket.close_reason.as_deref(), text)),
        ("timestamp_end", option(socket.ended, seconds)),
    ])
}

fn socket_message(message: &SocketMessage) -> Value {
    Value::List(vec![
        Value::Int(message.opcode.into()),
        Value::Bool(message.from_client),
        bytes(&message.data),
        seconds(message.at),
        Value::Bool(message.dropped),
        Value::Bool(message.injected),
    ])
}

fn message(message: &Message) -> Value {
    Value::List(vec![Value::Bool(message.from_client), bytes(&message.data), seconds(message.at)])
}

fn dns_members(dns: &Dns) -> Vec<(&'static str, Value)> {
    vec![
        ("request", dns_message(&dns.query)),
        ("response", option(dns.answer.as_ref(), dns_message)),
    ]
}

fn dns_message(message: &DnsMessage) -> Value {
    let [authoritative, truncated, desired, available] = message.flags;
    let question = |name: &str, kind: u16, class: u16| {
        vec![
            ("name", text(name)),
            ("type", Value::Int(kind.into())),
            ("class_", Value::Int(class.into())),
        ]
    };
    let record = |record: &DnsRecord| {
        let mut members = question(&record.name, record.kind, record.class);
        members.push(("ttl", Value::Int(record.ttl.into())));
        members.push(("data", bytes(&record.data)));
        map(members)
    };
    let [answers, authorities, additionals] = &message.sections;
    map(vec![
        ("id", Value::Int(message.id.into())),
        ("query", Value::Bool(message.is_query)),
        ("op_code", Value::Int(message.opcode.into())),
        ("authoritative_answer", Value::Bool(authoritative)),
        ("truncation", Value::Bool(truncated)),
        ("recursion_desired", Value::Bool(desired)),
        ("recursion_available", Value::Bool(available)),
        ("reserved", Value::Int(message.reserved.into())),
        ("response_code", Value::Int(message.rcode.into())),
        ("questions", list(&message.questions, |it| map(question(&it.name, it.kind, it.class)))),
        ("answers", list(answers, record)),
        ("authorities", list(authorities, record)),
        ("additionals", list(additionals, record)),
        ("timestamp", seconds(message.at)),
    ])
}
