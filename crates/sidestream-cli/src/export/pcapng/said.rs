//! What was said in flows of which nothing was recorded from the wire: in the clear, and marked as
//! made up.

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use sidestream::export::{raw_request, raw_response};
use sidestream::flow::{FlowId, Peer, Transport};
use sidestream::pcapng::{Connection, Datagrams, End, Packet, Writer};
use sidestream::record::{
    Book, Closed, DnsMessage, Entry, Event, Exchange, Finished, Flow, Message, Part, WebSocketKind,
    WebSocketMessage,
};

use super::super::State;
use super::super::bodies::stream;
use super::super::gather::{Gathered, Gatherer};
use super::super::select::Selection;
use super::leg::numbers;
use super::{dns, words};

/// The interface on which it is, by its place.
pub(super) const INTERFACE: u32 = 2;

/// The port that stands for that of a server of HTTP, so that it is read as such.
const HTTP: u16 = 80;

/// How much goes into a packet, but for the last.
const PACKET_BYTES: usize = 48 * 1024;

/// Puts together what was said.
pub(super) struct Said {
    book: Book,
    gatherer: Gatherer,
    streams: HashMap<FlowId, Stream>,
    /// How many connections were made up.
    connections: u64,
    /// How many exchanges are in it, and streams.
    pub(super) count: u64,
    last: SystemTime,
}

/// A stream, or datagrams, that belong to no exchange.
struct Stream {
    packets: Packets,
    /// What is told beside the next packet.
    comments: Vec<String>,
}

enum Packets {
    Tcp(Box<Connection>),
    Udp(Datagrams),
}

/// Where packets go, all of one time, the first with comments.
struct Place<'a, W> {
    at: SystemTime,
    comments: &'a mut Vec<String>,
    to: &'a mut Writer<W>,
}

impl<W: Write> Place<'_, W> {
    fn put(&mut self, from: End, bytes: &[u8]) -> io::Result<()> {
        let comments: Vec<&str> = self.comments.iter().map(String::as_str).collect();
        let sent = Some(from == End::Accepter);
        let packet = Packet { interface: INTERFACE, at: self.at, bytes, sent, comments: &comments };
        self.to.packet(&packet)?;
        self.comments.clear();
        Ok(())
    }
}

/// One direction of a connection, to be written to.
struct Half<'a, 'b, W> {
    connection: &'a mut Connection,
    from: End,
    place: &'a mut Place<'b, W>,
}

impl<W: Write> Write for Half<'_, '_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Self { connection, from, place } = self;
        connection.send(*from, bytes, &mut |from, bytes| place.put(from, bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Said {
    pub(super) fn new() -> Self {
        Self {
            book: Book::keeping(0),
            gatherer: Gatherer::default(),
            streams: HashMap::new(),
            connections: 0,
            count: 0,
            last: SystemTime::UNIX_EPOCH,
        }
    }

    /// Takes what happened, of a flow of which something was on the wire or not.
    pub(super) fn see<W: Write>(
        &mut self,
        state: &mut State<'_>,
        selection: &Selection,
        entry: &Entry,
        is_on_wire: bool,
        to: &mut Writer<W>,
    ) -> anyhow::Result<()> {
        self.last = entry.at;
        for finished in self.book.apply(entry) {
            if !is_on_wire {
                self.take(state, selection, &finished, to)?;
            }
        }
        Ok(())
    }

    /// Takes what never ended.
    pub(super) fn end<W: Write>(
        &mut self,
        state: &mut State<'_>,
        selection: &Selection,
        is_on_wire: impl Fn(FlowId) -> bool,
        to: &mut Writer<W>,
    ) -> anyhow::Result<()> {
        let mut open: Vec<_> = self.book.open_flows().map(|flow| flow.id).collect();
        open.sort_unstable();
        for flow in open {
            let event = Event::Closed(Closed::default());
            let entry = Entry { at: self.last, flow, event };
            self.see(state, selection, &entry, is_on_wire(flow), to)?;
        }
        Ok(())
    }

    fn take<W: Write>(
        &mut self,
        state: &mut State<'_>,
        selection: &Selection,
        finished: &Finished,
        to: &mut Writer<W>,
    ) -> anyhow::Result<()> {
        match finished {
            Finished::Message(flow, message) if selection.takes(finished) => {
                self.message(flow, message, to)?;
            }
            Finished::Flow(flow) => self.end_stream(flow, to)?,
            _ => {}
        }
        for gathered in self.gatherer.take(finished) {
            if selection.has(gathered.exchange.id) {
                self.exchange(state, &gathered, to)?;
            }
        }
        Ok(())
    }

    fn message<W: Write>(
        &mut self,
        flow: &Arc<Flow>,
        message: &Message,
        to: &mut Writer<W>,
    ) -> io::Result<()> {
        let is_new = !self.streams.contains_key(&flow.id);
        self.count += u64::from(is_new);
        let stream = self.streams.entry(flow.id).or_insert_with(|| {
            let ends = [flow.key.client, flow.key.server];
            let packets = match flow.key.transport {
                Transport::Tcp => {
                    let numbers = numbers(flow.id, Peer::Server(u32::MAX));
                    Packets::Tcp(Box::new(Connection::new(ends, numbers)))
                }
                Transport::Udp => Packets::Udp(Datagrams::new(ends)),
            };
            Stream { packets, comments: words::said_of_stream(flow) }
        });
        let Stream { packets, comments } = stream;
        let mut place = Place { at: message.at, comments, to };
        let from = end(message.from);
        let mut each = |from, bytes: &[u8]| place.put(from, bytes);
        match packets {
            Packets::Tcp(connection) => {
                if is_new {
                    connection.open(&mut each)?;
                }
                connection.send(from, &message.data, &mut each)
            }
            Packets::Udp(datagrams) => datagrams.send(from, &message.data, &mut each),
        }
    }

    fn end_stream<W: Write>(&mut self, flow: &Flow, to: &mut Writer<W>) -> io::Result<()> {
        let Some(Stream { packets: Packets::Tcp(mut connection), mut comments }) =
            self.streams.remove(&flow.id)
        else {
            return Ok(());
        };
        let at = flow.closed.as_ref().map_or(self.last, |(at, _)| *at);
        let mut place = Place { at, comments: &mut comments, to };
        for from in [End::Opener, End::Accepter] {
            connection.end(from, &mut |from, bytes| place.put(from, bytes))?;
        }
        Ok(())
    }

    fn exchange<W: Write>(
        &mut self,
        state: &mut State<'_>,
        gathered: &Gathered,
        to: &mut Writer<W>,
    ) -> anyhow::Result<()> {
        let Gathered { flow, exchange, messages, left_out } = gathered;
        let mut comments = words::said_in_exchange(flow, exchange);
        let timing = exchange.timing;
        let mut place = Place { at: timing.started, comments: &mut comments, to };
        if let Some(query) = &exchange.query {
            self.count += 1;
            return dns_exchange(state, flow, exchange, query, &mut place);
        }
        let Some(request) = &exchange.request else { return Ok(()) };
        self.count += 1;
        self.connections += 1;
        if *left_out > 0 {
            state.lack(format_args!("exchange {}: {left_out} messages left out", exchange.id));
        }
        let of_messages: u64 = messages.iter().map(|(_, message)| message.dropped).sum();
        let dropped = exchange.request_body.dropped + exchange.response_body.dropped + of_messages;
        if dropped > 0 {
            let id = exchange.id;
            state.lack(format_args!("exchange {id}: {dropped} bytes of its content are missing"));
        }
        let [client, server] = [flow.key.client, flow.key.server].map(|addr| addr.ip());
        let ports = super::PORTS.len() as u64;
        let port = super::PORTS.start() + u16::try_from(self.connections % ports).unwrap_or(0);
        let ends = [SocketAddr::new(client, port), SocketAddr::new(server, HTTP)];
        let numbers = numbers(FlowId(exchange.id.0), Peer::Server(u32::MAX));
        let mut connection = Connection::new(ends, numbers);
        connection.open(&mut |from, bytes| place.put(from, bytes))?;
        write(&mut connection, End::Opener, &mut place, |out| {
            let mut body = stream(state, exchange, Part::Request);
            raw_request(out, &exchange.url, request, &exchange.request_body.trailers, &mut body)
        })?;
        if let Some(head) = &exchange.response {
            place.at = timing.response_started.unwrap_or(timing.started);
            let has_body = !matches!(&request.method[..], b"HEAD" | b"CONNECT");
            write(&mut connection, End::Accepter, &mut place, |out| {
                let mut body = stream(state, exchange, Part::Response);
                let trailers = &exchange.response_body.trailers;
                raw_response(out, head, trailers, &mut body, has_body)
            })?;
        }
        for (at, message) in messages {
            place.at = *at;
            write(&mut connection, end(message.from), &mut place, |out| frame(out, message))?;
        }
        place.at = place.at.max(timing.ended.unwrap_or(place.at));
        for from in [End::Accepter, End::Opener] {
            connection.end(from, &mut |from, bytes| place.put(from, bytes))?;
        }
        Ok(())
    }
}

/// Writes what one end says in as few packets as it takes.
fn write<W: Write>(
    connection: &mut Connection,
    from: End,
    place: &mut Place<'_, W>,
    say: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut half = BufWriter::with_capacity(PACKET_BYTES, Half { connection, from, place });
    say(&mut half)?;
    half.flush()
}

fn dns_exchange<W: Write>(
    state: &mut State<'_>,
    flow: &Flow,
    exchange: &Exchange,
    query: &DnsMessage,
    place: &mut Place<'_, W>,
) -> anyhow::Result<()> {
    let mut datagrams = Datagrams::new([flow.key.client, flow.key.server]);
    let answer = exchange.answer.as_ref().map(|answer| (End::Accepter, answer));
    for (from, said) in [(End::Opener, query)].into_iter().chain(answer) {
        if from == End::Accepter {
            place.at = exchange.timing.response_started.unwrap_or(place.at);
        }
        let mut lacks = Vec::new();
        let bytes = dns::message(&crate::dump::dns::to_wire(said, place.at, &mut lacks));
        for lack in lacks {
            state.lack(format_args!("exchange {}: {lack}", exchange.id));
        }
        let sent = bytes
            .map(|bytes| datagrams.send(from, &bytes, &mut |from, bytes| place.put(from, bytes)));
        match sent {
            Some(Err(error)) if error.kind() != io::ErrorKind::InvalidInput => {
                return Err(error.into());
            }
            Some(Ok(())) => {}
            Some(Err(_)) | None => {
                let id = exchange.id;
                state.lack(format_args!("exchange {id}: a message of DNS is left out"));
            }
        }
    }
    Ok(())
}

/// Writes a frame (RFC 6455 §5.2) that is not masked: with what is not known any more.
fn frame(out: &mut dyn Write, message: &WebSocketMessage) -> io::Result<()> {
    let (opcode, code) = match message.kind {
        WebSocketKind::Text => (1, None),
        WebSocketKind::Binary => (2, None),
        WebSocketKind::Close { code } => (8, code),
        WebSocketKind::Ping => (9, None),
        WebSocketKind::Pong => (10, None),
        WebSocketKind::Reserved { opcode } => (opcode & 15, None),
        _ => return Ok(()),
    };
    let code = code.map(u16::to_be_bytes);
    let code = code.as_ref().map_or(&[][..], |code| &code[..]);
    let len = (code.len() + message.data.len()) as u64;
    // What is still compressed says so.
    out.write_all(&[0x80 | u8::from(message.encoded) << 6 | opcode])?;
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(len @ ..126), _) => out.write_all(&[len])?,
        (_, Ok(len)) => {
            out.write_all(&[126])?;
            out.write_all(&len.to_be_bytes())?;
        }
        _ => {
            out.write_all(&[127])?;
            out.write_all(&len.to_be_bytes())?;
        }
    }
    out.write_all(code)?;
    out.write_all(&message.data)
}

const fn end(peer: Peer) -> End {
    match peer {
        Peer::Client => End::Opener,
        Peer::Server(_) => End::Accepter,
    }
}
