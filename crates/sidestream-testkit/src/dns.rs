//! A small DNS server on loopback, over UDP and TCP.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use crate::{Origin, Service, UdpOrigin};

const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;
const HEADER_LEN: usize = 12;

/// A DNS server that knows a table of names; it ends when it is dropped.
///
/// Names in the table get their A and AAAA records (time to live 60 s), with
/// no record of the asked type an empty answer; other names get NXDOMAIN.
#[derive(Debug)]
pub struct DnsOrigin {
    udp: UdpOrigin,
    _tcp: Origin,
    queries: Arc<Mutex<Vec<Query>>>,
}

/// A question that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The name in lower case, without the final dot.
    pub name: String,
    /// The record type: 1 for A, 28 for AAAA.
    pub kind: u16,
    /// Whether it came over TCP.
    pub over_tcp: bool,
}

type Table = HashMap<String, Vec<IpAddr>>;

impl DnsOrigin {
    /// Starts a server on a free port of 127.0.0.1.
    pub fn serve(names: &[(&str, IpAddr)]) -> Self {
        // The port that UDP took may be in use for TCP; another one will do.
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let started = (0..32).find_map(|_| Self::listen(any_port, names).ok());
        started.expect("loopback has a port that is free for UDP and TCP")
    }

    /// Starts a server on `addr`; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// When the address cannot be bound for UDP and TCP.
    pub fn listen(addr: SocketAddr, names: &[(&str, IpAddr)]) -> io::Result<Self> {
        let mut table = Table::new();
        for (name, ip) in names {
            table.entry(name.to_ascii_lowercase()).or_default().push(*ip);
        }
        let table = Arc::new(table);
        let queries = Arc::new(Mutex::new(Vec::new()));
        let udp = UdpOrigin::listen(addr, {
            let (table, queries) = (Arc::clone(&table), Arc::clone(&queries));
            move |datagram, _from| reply(datagram, &table, &queries, false).into_iter().collect()
        })?;
        let tcp = Service::tcp({
            let queries = Arc::clone(&queries);
            move |wire| loop {
                let mut length = [0; 2];
                wire.read_exact(&mut length)?;
                let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
                wire.read_exact(&mut message)?;
                let Some(answer) = reply(&message, &table, &queries, true) else { return Ok(()) };
                let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
                wire.write_all(&[&length.to_be_bytes()[..], &answer].concat())?;
            }
        });
        let tcp = Origin::listen(udp.addr(), tcp)?;
        Ok(Self { udp, _tcp: tcp, queries })
    }

    /// Gives the address on which the server listens, UDP and TCP alike.
    pub fn addr(&self) -> SocketAddr {
        self.udp.addr()
    }

    /// Gives the questions asked so far.
    pub fn queries(&self) -> Vec<Query> {
        self.queries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn reply(
    message: &[u8],
    table: &Table,
    queries: &Mutex<Vec<Query>>,
    over_tcp: bool,
) -> Option<Vec<u8>> {
    let (name, question_end) = read_name(message)?;
    let kind = message.get(question_end - 4..question_end - 2)?;
    let kind = u16::from_be_bytes([kind[0], kind[1]]);
    let query = Query { name: name.clone(), kind, over_tcp };
    queries.lock().unwrap_or_else(PoisonError::into_inner).push(query);

    let known = table.get(&name);
    let records: Vec<Vec<u8>> =
        known.into_iter().flatten().filter_map(|ip| record(*ip, kind)).collect();
    // Response, recursion desired as asked and available; NXDOMAIN is code 3.
    let flags = [0x80 | message[2] & 0x01, 0x80 | if known.is_some() { 0 } else { 3 }];
    let count = u16::try_from(records.len()).ok()?.to_be_bytes();
    let mut answer = message[..2].to_vec();
    answer.extend(flags);
    answer.extend([0, 1, count[0], count[1], 0, 0, 0, 0]);
    answer.extend(&message[HEADER_LEN..question_end]);
    answer.extend(records.concat());
    Some(answer)
}

/// Reads the first question's name; gives it with the offset after the question.
fn read_name(message: &[u8]) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    let mut at = HEADER_LEN;
    loop {
        let len = usize::from(*message.get(at)?);
        at += 1;
        if len == 0 {
            break;
        }
        let label = message.get(at..at + len).filter(|_| len < 64)?;
        labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
        at += len;
    }
    let end = at + 4;
    (message.len() >= end).then(|| (labels.join("."), end))
}

/// Writes one address record whose name points at the question; `None` when the type does not fit.
fn record(ip: IpAddr, kind: u16) -> Option<Vec<u8>> {
    let data = match (ip, kind) {
        (IpAddr::V4(ip), TYPE_A) => ip.octets().to_vec(),
        (IpAddr::V6(ip), TYPE_AAAA) => ip.octets().to_vec(),
        _ => return None,
    };
    let mut record = vec![0xc0, 12];
    record.extend(kind.to_be_bytes());
    record.extend([0, 1, 0, 0, 0, 60, 0, if data.len() == 4 { 4 } else { 16 }]);
    record.extend(data);
    Some(record)
}
