//! Decodes the extensions that matter to a proxy; of the others the type is kept.

use super::cursor::Cursor;
use super::{ClientHello, HelloError};

// https://www.iana.org/assignments/tls-extensiontype-values
const SERVER_NAME: u16 = 0;
const SUPPORTED_GROUPS: u16 = 10;
const SIGNATURE_ALGORITHMS: u16 = 13;
const ALPN: u16 = 16;
const PRE_SHARED_KEY: u16 = 41;
const EARLY_DATA: u16 = 42;
const SUPPORTED_VERSIONS: u16 = 43;
const KEY_SHARE: u16 = 51;
const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;

/// How many tickets are read: clients show one or two.
const MAX_TICKETS: usize = 8;

/// Decodes the list of extensions into the hello.
pub(super) fn decode(mut list: Cursor<'_>, hello: &mut ClientHello) -> Result<(), HelloError> {
    let mut bodies = Vec::new();
    while !list.is_empty() {
        hello.extensions.push(list.u16("extensions")?);
        bodies.push(list.vector16("extensions")?);
    }
    refuse_duplicates(&hello.extensions)?;
    for (index, body) in bodies.into_iter().enumerate() {
        interpret(hello.extensions[index], body, hello)?;
    }
    if hello.psk && hello.extensions.last() != Some(&PRE_SHARED_KEY) {
        return Err(HelloError::PskNotLast);
    }
    Ok(())
}

fn refuse_duplicates(ids: &[u16]) -> Result<(), HelloError> {
    // Sorted, since a hostile list has thousands.
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(HelloError::DuplicateExtension { id: pair[0] }),
        None => Ok(()),
    }
}

fn interpret(id: u16, body: Cursor<'_>, hello: &mut ClientHello) -> Result<(), HelloError> {
    match id {
        SERVER_NAME => hello.sni = server_name(body)?,
        SUPPORTED_GROUPS => hello.groups = numbers16(body, "supported groups")?,
        SIGNATURE_ALGORITHMS => {
            hello.signature_algorithms = numbers16(body, "signature algorithms")?;
        }
        ALPN => hello.alpn = protocols(body)?,
        PRE_SHARED_KEY => {
            hello.psk = true;
            hello.tickets = tickets(body);
        }
        EARLY_DATA => {
            body.end("early data")?;
            hello.early_data = true;
        }
        SUPPORTED_VERSIONS => hello.supported_versions = versions(body)?,
        KEY_SHARE => hello.key_share_groups = key_shares(body)?,
        ENCRYPTED_CLIENT_HELLO => hello.ech = true,
        _ => {}
    }
    Ok(())
}

/// Returns the one name of type `host_name`; RFC 6066 §3 forbids a second, and no other type was ever defined.
fn server_name(mut body: Cursor<'_>) -> Result<Option<String>, HelloError> {
    const FIELD: &str = "server name";
    const HOST_NAME: u8 = 0;
    let mut list = body.vector16(FIELD)?;
    body.end(FIELD)?;
    if list.is_empty() {
        return Err(HelloError::Malformed { field: FIELD });
    }
    let mut host = None;
    while !list.is_empty() {
        let kind = list.u8(FIELD)?;
        let name = list.vector16(FIELD)?.rest();
        if kind != HOST_NAME {
            continue;
        }
        if name.is_empty() || host.is_some() {
            return Err(HelloError::Malformed { field: FIELD });
        }
        host = Some(name.escape_ascii().to_string());
    }
    Ok(host)
}

fn protocols(mut body: Cursor<'_>) -> Result<Vec<Vec<u8>>, HelloError> {
    const FIELD: &str = "application protocols";
    let mut list = body.vector16(FIELD)?;
    body.end(FIELD)?;
    let mut protocols = Vec::new();
    while !list.is_empty() {
        let protocol = list.vector8(FIELD)?.rest();
        if protocol.is_empty() {
            return Err(HelloError::Malformed { field: FIELD });
        }
        protocols.push(protocol.to_vec());
    }
    if protocols.is_empty() { Err(HelloError::Malformed { field: FIELD }) } else { Ok(protocols) }
}

fn versions(mut body: Cursor<'_>) -> Result<Vec<u16>, HelloError> {
    const FIELD: &str = "supported versions";
    let versions = body.vector8(FIELD)?.numbers(FIELD)?;
    body.end(FIELD)?;
    Ok(versions)
}

/// Returns the groups of the key shares; an empty list asks the server to choose (RFC 8446 §4.2.8).
fn key_shares(mut body: Cursor<'_>) -> Result<Vec<u16>, HelloError> {
    const FIELD: &str = "key shares";
    let mut list = body.vector16(FIELD)?;
    body.end(FIELD)?;
    let mut groups = Vec::new();
    while !list.is_empty() {
        groups.push(list.u16(FIELD)?);
        if list.vector16(FIELD)?.is_empty() {
            return Err(HelloError::Malformed { field: FIELD });
        }
    }
    Ok(groups)
}

/// Returns the tickets, as far as they can be read: what is wrong with them is for TLS to say.
fn tickets(mut body: Cursor<'_>) -> Vec<Vec<u8>> {
    const FIELD: &str = "pre-shared keys";
    let mut tickets = Vec::new();
    let Ok(mut list) = body.vector16(FIELD) else { return tickets };
    while tickets.len() < MAX_TICKETS
        && let Ok(ticket) = list.vector16(FIELD)
        && list.take(4, FIELD).is_ok()
    {
        tickets.push(ticket.rest().to_vec());
    }
    tickets
}

fn numbers16(mut body: Cursor<'_>, field: &'static str) -> Result<Vec<u16>, HelloError> {
    let numbers = body.vector16(field)?.numbers(field)?;
    body.end(field)?;
    Ok(numbers)
}
