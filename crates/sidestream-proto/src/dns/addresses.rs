//! Reads from a response which addresses a name has.

use std::net::IpAddr;

use sidestream_record::{DnsMessage, DnsRecord};

/// The most aliases that are followed; resolvers stop no later.
const MAX_ALIASES: usize = 16;

/// An address of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address<'a> {
    /// The name that was asked for, in presentation form.
    pub name: &'a str,
    /// Its address.
    pub ip: IpAddr,
    /// For how many seconds this holds: the least of the address's and of the aliases' that lead to it.
    pub ttl: u32,
}

/// Returns the addresses that a response gives for the name asked for, aliases (CNAME) followed.
///
/// A response without a question, as in multicast DNS, gives each address under its own name.
/// A query, and a response that is an error, give none.
pub fn addresses(message: &DnsMessage) -> impl Iterator<Item = Address<'_>> {
    let usable = message.response && message.rcode == 0;
    let aliases = message.questions.first().map(|asked| aliases(&asked.name, &message.answers));
    message.answers.iter().filter(move |_| usable).filter_map(move |record| {
        let ip = address(record)?;
        let Some(aliases) = &aliases else {
            return Some(Address { name: &record.name, ip, ttl: record.ttl });
        };
        let (_, ttl) = aliases.iter().find(|(name, _)| name.eq_ignore_ascii_case(&record.name))?;
        Some(Address { name: aliases[0].0, ip, ttl: record.ttl.min(*ttl) })
    })
}

/// Returns the name asked for and those it is an alias of, each with the time for which it is so.
fn aliases<'a>(asked: &'a str, answers: &'a [DnsRecord]) -> Vec<(&'a str, u32)> {
    let mut aliases = vec![(asked, u32::MAX)];
    let (mut name, mut ttl) = (asked, u32::MAX);
    // The count ends a circle.
    while aliases.len() <= MAX_ALIASES {
        let leads_on =
            |record: &&DnsRecord| record.kind == "CNAME" && record.name.eq_ignore_ascii_case(name);
        let Some(record) = answers.iter().find(leads_on) else { break };
        name = &record.data;
        ttl = ttl.min(record.ttl);
        aliases.push((name, ttl));
    }
    aliases
}

fn address(record: &DnsRecord) -> Option<IpAddr> {
    let is_address = record.class == "IN" && matches!(&*record.kind, "A" | "AAAA");
    // Data that are not as their type has them do not parse.
    is_address.then(|| record.data.parse().ok())?
}
