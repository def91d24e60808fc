//! Texts of heads and handshakes as they stand in the lists: short, and marked where they do not
//! say it all.

use std::borrow::Cow;

use sidestream_record::Fields;

use crate::row::{Hello, Update};

/// How long such a text is at most, in bytes, beside its mark.
const MAX_BYTES: usize = 128;

/// Stands in a text that does not say it all: the entries have to tell.
pub(crate) const MARK: char = char::REPLACEMENT_CHARACTER;

/// Returns the content type of a message, empty where there is none. More than one stand on a line
/// each.
pub(crate) fn content_type(fields: &Fields) -> String {
    lines(fields.get_all("content-type").map(|value| String::from_utf8_lossy(value)))
}

/// Puts each on a line, and marks where one cannot be shown, or they are too long.
fn lines<'a>(values: impl Iterator<Item = Cow<'a, str>>) -> String {
    let mut lines = String::new();
    for (index, value) in values.enumerate() {
        if index > 0 {
            lines.push('\n');
        }
        if value.contains('\n') {
            lines.push(MARK);
        } else {
            lines.push_str(&value);
        }
        if lines.len() > MAX_BYTES {
            lines.truncate(lines.floor_char_boundary(MAX_BYTES));
            lines.push(MARK);
            break;
        }
    }
    lines
}

/// How many servers, and how many secured legs, a record of a flow knows: the last, and the first.
const KNOWN: u32 = 100;

/// What the list tells of where a flow went and what its client asked TLS for, added up of its
/// entries. Each text has each value once, on a line of its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct FlowTexts {
    /// The servers that were reached, without the one that was meant.
    pub(crate) servers: String,
    pub(crate) sni: String,
    pub(crate) alpn: String,
    pub(crate) ja4: String,
    server: String,
    host: Option<String>,
    protocol: Option<&'static str>,
    reached: u32,
    legs: u32,
    is_passed: bool,
}

impl FlowTexts {
    /// Begins with a flow that was meant for that server.
    pub(crate) fn new(server: &str) -> Self {
        Self { server: server.to_owned(), ..Self::default() }
    }

    /// Goes on with a flow of which it is not known what was told before.
    pub(crate) fn unknown() -> Self {
        let [servers, sni, alpn, ja4] = std::array::from_fn(|_| MARK.to_string());
        Self { servers, sni, alpn, ja4, ..Self::default() }
    }

    /// Returns all, in the order of the columns.
    pub(crate) fn all(&self) -> [&str; 4] {
        [&self.servers, &self.sni, &self.alpn, &self.ja4]
    }

    /// Adds what an entry says, and returns whether the list, which has the name and protocol as
    /// well, may tell something else by now.
    pub(crate) fn add(&mut self, update: &Update) -> bool {
        match update {
            Update::Connected(addr) => {
                self.reached = self.reached.saturating_add(1);
                if self.reached > KNOWN {
                    return mark(&mut self.servers);
                }
                *addr != self.server && put(&mut self.servers, addr)
            }
            Update::Host(host) => {
                let before = self.host.replace(host.clone());
                // What it was called is forgotten.
                match before {
                    Some(before) if before == *host => false,
                    Some(_) => mark(&mut self.servers),
                    None => true,
                }
            }
            Update::Protocol(name) => self.protocol.replace(name) != Some(name),
            Update::Secured(leg) => {
                self.legs = self.legs.saturating_add(1);
                match &leg.hello {
                    Some(_) if self.legs > KNOWN => self.mark_hello(),
                    Some(hello) => self.put_hello(hello),
                    None => false,
                }
            }
            Update::Passed(offered) => {
                // What was offered before is forgotten.
                let is_again = std::mem::replace(&mut self.is_passed, true);
                if is_again { self.mark_hello() } else { self.put_hello(offered) }
            }
            _ => false,
        }
    }

    fn put_hello(&mut self, hello: &Hello) -> bool {
        let mut is_new = false;
        for (lines, values) in [
            (&mut self.sni, hello.sni.as_slice()),
            (&mut self.alpn, &hello.alpn),
            (&mut self.ja4, hello.ja4.as_slice()),
        ] {
            for value in values {
                is_new |= put(lines, value);
            }
        }
        is_new
    }

    fn mark_hello(&mut self) -> bool {
        [&mut self.sni, &mut self.alpn, &mut self.ja4].into_iter().for_each(|it| _ = mark(it));
        true
    }
}

/// Puts a value on a line of its own unless it has one, and returns whether it may be new.
fn put(lines: &mut String, value: &str) -> bool {
    if lines.contains(MARK) || value.is_empty() || value.contains(['\n', MARK]) {
        return mark(lines);
    }
    if lines.split('\n').any(|line| line == value) {
        return false;
    }
    if !lines.is_empty() {
        lines.push('\n');
    }
    lines.push_str(value);
    if lines.len() > MAX_BYTES {
        lines.truncate(lines.floor_char_boundary(MAX_BYTES));
        lines.push(MARK);
    }
    true
}

fn mark(lines: &mut String) -> bool {
    if !lines.contains(MARK) {
        lines.push(MARK);
    }
    true
}

#[cfg(test)]
mod tests {
    use sidestream_record::Field;

    use super::*;
    use crate::row::SecuredLeg;

    #[track_caller]
    fn check(values: &[&[u8]], expected: &str) {
        let field = |value: &&[u8]| Field::new("Content-TYPE", value.to_vec());
        let other = Field::new("Content-Length", "1");
        let fields = [other].into_iter().chain(values.iter().map(field)).collect();
        assert_eq!(content_type(&fields), expected);
    }

    fn hello(sni: &str, alpn: &[&str]) -> Hello {
        let alpn = alpn.iter().map(|&name| name.into()).collect();
        Hello { sni: Some(sni.into()), alpn, ja4: None }
    }

    fn secured(hello: Option<Hello>) -> Update {
        Update::Secured(Box::new(SecuredLeg { certificates: Vec::new(), hello }))
    }

    fn connected(last: u32) -> Update {
        Update::Connected(format!("192.0.2.{last}:443"))
    }

    /// Adds updates, each with whether it tells something new.
    #[track_caller]
    fn check_flow(updates: impl IntoIterator<Item = (Update, bool)>, expected: [&str; 4]) {
        let mut texts = FlowTexts::new("192.0.2.1:443");
        for (update, is_new) in updates {
            assert_eq!(texts.add(&update), is_new, "{update:?} of {texts:?}");
        }
        assert_eq!(texts.all(), expected);
    }

    #[test]
    fn what_is_told_of_a_flow_is_added_up_each_once() {
        let named = |host: &str| Update::Host(host.into());
        check_flow([], ["", "", "", ""]);
        check_flow([(connected(1), false), (Update::Ended { failure: None }, false)], [""; 4]);
        let servers = [(connected(2), true), (connected(1), false), (connected(2), false)];
        check_flow(servers, ["192.0.2.2:443", "", "", ""]);
        let legs = [
            (secured(None), false),
            (secured(Some(hello("a", &["h2"]))), true),
            (secured(Some(hello("a", &["h2"]))), false),
            (secured(Some(hello("b", &["h2"]))), true),
        ];
        check_flow(legs, ["", "a\nb", "h2", ""]);
        let offered = |ja4: &str| {
            let hello = Hello { ja4: Some(ja4.into()), ..hello("a", &["h2", "http/1.1"]) };
            Update::Passed(Box::new(hello))
        };
        check_flow([(offered("t13d"), true)], ["", "a", "h2\nhttp/1.1", "t13d"]);
        // There is no telling an empty one from none.
        check_flow([(offered(""), true)], ["", "a", "h2\nhttp/1.1", "\u{FFFD}"]);
        let protocols =
            ["TLS", "TLS", "HTTP/1"].map(Update::Protocol).into_iter().zip([true, false, true]);
        check_flow(protocols, [""; 4]);
        check_flow([(named("a"), true), (named("a"), false)], [""; 4]);
    }

    #[test]
    fn what_records_forget_of_a_flow_is_marked() {
        let named = |host: &str| Update::Host(host.into());
        let renamed = [(named("a"), true), (connected(2), true), (named("b"), true)];
        check_flow(renamed, ["192.0.2.2:443\u{FFFD}", "", "", ""]);
        // They know the last hundred servers, and the first hundred legs.
        let servers = |count| std::iter::repeat_with(|| (connected(1), false)).take(count);
        let first = [(connected(2), true)];
        check_flow(first.into_iter().chain(servers(99)), ["192.0.2.2:443", "", "", ""]);
        let first = [(connected(2), true)].into_iter().chain(servers(99));
        check_flow(first.chain([(connected(1), true)]), ["192.0.2.2:443\u{FFFD}", "", "", ""]);
        let legs = |count| std::iter::repeat_with(|| (secured(None), false)).take(count);
        let last = || [(secured(Some(hello("a", &[]))), true)];
        check_flow(legs(99).chain(last()), ["", "a", "", ""]);
        check_flow(legs(100).chain(last()), ["", "\u{FFFD}", "\u{FFFD}", "\u{FFFD}"]);
        let passed = || Update::Passed(Box::new(hello("a", &[])));
        let twice = [(passed(), true), (passed(), true)];
        check_flow(twice, ["", "a\u{FFFD}", "\u{FFFD}", "\u{FFFD}"]);
        // Of what was told before nothing is known.
        let mut unknown = FlowTexts::unknown();
        assert!(unknown.add(&connected(2)) && unknown.add(&named("a")));
        assert_eq!(unknown.all(), ["\u{FFFD}"; 4]);
        // Long ones are cut.
        let long = "x".repeat(200);
        let cut = "x".repeat(128) + "\u{FFFD}";
        let offered = (secured(Some(hello(&long, &["a\nb"]))), true);
        check_flow([offered], ["", &cut, "\u{FFFD}", ""]);
    }

    #[test]
    fn what_a_line_cannot_say_is_marked() {
        check(&[], "");
        check(&[b"text/css; a=b"], "text/css; a=b");
        check(&[b"a", b"", b"b"], "a\n\nb");
        check(&[b"a\nb"], "\u{FFFD}");
        check(&[b"a\xff"], "a\u{FFFD}");
        check(&[&[b'x'; 128]], &"x".repeat(128));
        check(&[&[b'x'; 129]], &("x".repeat(128) + "\u{FFFD}"));
        check(&["é".repeat(65).as_bytes()], &("é".repeat(64) + "\u{FFFD}"));
    }
}
