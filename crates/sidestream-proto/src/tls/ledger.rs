//! In what the ClientHello that a server is sent differs from the client's.
//!
//! Not compared are what differs in every hello (random values, keys, tickets), the session id,
//! and what is inside of the extensions that [`ClientHello`] does not read.

use sidestream_record::{HelloDifference, HelloPart};

use super::hello::{ClientHello, is_grease};
use super::names;

/// Lists the parts in which two hellos differ; an empty list says that they are the same.
pub(crate) fn differences(client: &ClientHello, sent: &ClientHello) -> Vec<HelloDifference> {
    let parts = HelloPart::ALL.into_iter();
    parts.filter_map(|part| difference(part, client, sent)).collect()
}

fn difference(
    part: HelloPart,
    client: &ClientHello,
    sent: &ClientHello,
) -> Option<HelloDifference> {
    let numbers = |of: fn(&ClientHello) -> &[u16], name: fn(u16) -> String| {
        let meaningful = |hello| of(hello).iter().copied().filter(|value| !is_grease(*value));
        compare(part, meaningful(client), meaningful(sent), name)
    };
    match part {
        HelloPart::Versions => numbers(|hello| &hello.supported_versions, names::version),
        HelloPart::Ciphers => numbers(|hello| &hello.ciphers, names::cipher),
        HelloPart::Extensions => numbers(|hello| &hello.extensions, names::extension),
        HelloPart::Groups => numbers(|hello| &hello.groups, names::group),
        HelloPart::KeyShares => numbers(|hello| &hello.key_share_groups, names::group),
        HelloPart::SignatureAlgorithms => {
            numbers(|hello| &hello.signature_algorithms, names::signature)
        }
        HelloPart::Sni => compare(part, client.sni.iter(), sent.sni.iter(), String::clone),
        HelloPart::Alpn => compare(part, protocols(client), protocols(sent), |name: &[u8]| {
            String::from_utf8_lossy(name).into_owned()
        }),
        HelloPart::Grease => compare(part, greased(client), greased(sent), str::to_owned),
        _ => None,
    }
}

fn protocols(hello: &ClientHello) -> impl Iterator<Item = &[u8]> + Clone {
    hello.alpn.iter().map(Vec::as_slice).filter(|name| !is_grease_name(name))
}

/// Returns whether an application protocol's name means nothing (RFC 8701 §2).
fn is_grease_name(name: &[u8]) -> bool {
    matches!(name, [a, b] if is_grease(u16::from_be_bytes([*a, *b])))
}

/// Names the lists that hold values that mean nothing.
fn greased(hello: &ClientHello) -> impl Iterator<Item = &'static str> + Clone {
    let any = |list: &[u16]| list.iter().copied().any(is_grease);
    let lists = [
        ("versions", any(&hello.supported_versions)),
        ("ciphers", any(&hello.ciphers)),
        ("extensions", any(&hello.extensions)),
        ("alpn", hello.alpn.iter().any(|name| is_grease_name(name))),
        ("groups", any(&hello.groups)),
        ("key_shares", any(&hello.key_share_groups)),
        ("signature_algorithms", any(&hello.signature_algorithms)),
    ];
    lists.into_iter().filter(|(_, is)| *is).map(|(name, _)| name)
}

fn compare<T: PartialEq>(
    part: HelloPart,
    client: impl Iterator<Item = T> + Clone,
    sent: impl Iterator<Item = T> + Clone,
    name: impl Fn(T) -> String,
) -> Option<HelloDifference> {
    let in_sent = |value: &T| sent.clone().any(|other| other == *value);
    let in_client = |value: &T| client.clone().any(|other| other == *value);
    let reordered = !client.clone().filter(in_sent).eq(sent.clone().filter(in_client));
    let withheld: Vec<T> = client.clone().filter(|value| !in_sent(value)).collect();
    let added: Vec<T> = sent.clone().filter(|value| !in_client(value)).collect();
    (reordered || !withheld.is_empty() || !added.is_empty()).then(|| HelloDifference {
        part,
        withheld: withheld.into_iter().map(&name).collect(),
        added: added.into_iter().map(&name).collect(),
        reordered,
    })
}
