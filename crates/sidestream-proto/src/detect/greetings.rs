//! Protocols in which the server speaks first: SMTP, IMAP, POP3, FTP, SSH.

use memchr::memmem;
use sidestream_flow::Peer;
use sidestream_record::Protocol;

use super::{Sign, is_ssh};

/// How much of what each side says first is looked at.
const MAX_BYTES: usize = 1024;

/// Looks at what two peers say first, as it goes by.
#[derive(Debug, Default)]
pub struct Greetings {
    client: Vec<u8>,
    server: Vec<u8>,
    /// The client spoke before its server.
    client_first: bool,
    done: bool,
}

impl Greetings {
    /// Returns whether nothing more is looked for.
    pub const fn is_done(&self) -> bool {
        self.done
    }

    /// Looks at what a peer said, and returns the protocol if that shows it, once.
    pub fn see(&mut self, from: Peer, bytes: &[u8]) -> Option<Protocol> {
        if self.done || bytes.is_empty() {
            return None;
        }
        self.client_first |= from == Peer::Client && self.server.is_empty();
        let seen = if from == Peer::Client { &mut self.client } else { &mut self.server };
        seen.extend_from_slice(&bytes[..bytes.len().min(MAX_BYTES - seen.len())]);
        match self.sign() {
            Sign::NeedMore if self.has_room() => None,
            sign => {
                let found = if let Sign::Is(protocol) = sign { Some(protocol) } else { None };
                *self = Self { done: true, ..Self::default() };
                found
            }
        }
    }

    fn has_room(&self) -> bool {
        self.client.len().max(self.server.len()) < MAX_BYTES
    }

    fn sign(&self) -> Sign {
        let ssh = [&self.client, &self.server].map(|side| is_ssh(side));
        if ssh.iter().any(|sign| matches!(sign, Sign::Is(_))) {
            return Sign::Is(Protocol::Ssh);
        }
        let greeting = match greeting(&self.server) {
            // Who is spoken to first does not greet.
            _ if self.client_first => Greeting::None,
            greeting => greeting,
        };
        match greeting {
            Greeting::Is(protocol) => Sign::Is(protocol),
            Greeting::Ready => command(&self.client),
            Greeting::Unfinished => Sign::NeedMore,
            Greeting::None if ssh.contains(&Sign::NeedMore) => Sign::NeedMore,
            Greeting::None => Sign::No,
        }
    }
}

/// What a server's first bytes are.
enum Greeting {
    Is(Protocol),
    None,
    /// That of SMTP or FTP: the client's first command decides.
    Ready,
    Unfinished,
}

fn greeting(said: &[u8]) -> Greeting {
    // RFC 3501 §7.1, RFC 1939 §4.
    let known: [(&[u8], Protocol); 4] = [
        (b"* OK ", Protocol::Imap),
        (b"* PREAUTH ", Protocol::Imap),
        (b"* BYE ", Protocol::Imap),
        (b"+OK", Protocol::Pop3),
    ];
    for (words, protocol) in known {
        let n = said.len().min(words.len());
        if !said[..n].eq_ignore_ascii_case(&words[..n]) {
            continue;
        }
        return match said.get(words.len()) {
            _ if n < words.len() => Greeting::Unfinished,
            Some(b' ' | b'\r') => Greeting::Is(protocol),
            _ if words.ends_with(b" ") => Greeting::Is(protocol),
            None => Greeting::Unfinished,
            Some(_) => Greeting::None,
        };
    }
    ready(said)
}

/// Reads `220` and what the server says about itself (RFC 5321 §4.2, RFC 959 §4.2).
fn ready(said: &[u8]) -> Greeting {
    const READY: &[u8] = b"220";
    let n = said.len().min(READY.len());
    if said[..n] != READY[..n] || said.get(READY.len()).is_some_and(|it| !b" -".contains(it)) {
        return Greeting::None;
    }
    for line in said.split_inclusive(|byte| *byte == b'\n') {
        if !line.ends_with(b"\n") {
            break;
        }
        let text = line.get(READY.len() + 1..).unwrap_or_default();
        let words = text.split(u8::is_ascii_whitespace).map(|word| {
            let begin = word.iter().position(u8::is_ascii_alphanumeric).unwrap_or(word.len());
            word[begin..].to_ascii_lowercase()
        });
        // The first word is the host's name, whatever that is.
        if words.clone().skip(1).any(|word| matches!(&word[..], b"smtp" | b"esmtp" | b"lmtp")) {
            return Greeting::Is(Protocol::Smtp);
        }
        if words.clone().any(|word| word == b"ftp" || memmem::find(&word, b"ftpd").is_some()) {
            return Greeting::Is(Protocol::Ftp);
        }
        if line.get(READY.len()) == Some(&b' ') {
            return Greeting::Ready;
        }
    }
    Greeting::Unfinished
}

/// Tells mail from files by a client's first command.
fn command(said: &[u8]) -> Sign {
    let word: Vec<u8> =
        said.iter().take_while(|byte| byte.is_ascii_alphabetic()).take(5).copied().collect();
    if word.len() == said.len() {
        return if word.len() > 4 { Sign::No } else { Sign::NeedMore };
    }
    match &word.to_ascii_uppercase()[..] {
        b"EHLO" | b"HELO" | b"LHLO" => Sign::Is(Protocol::Smtp),
        b"USER" | b"FEAT" | b"AUTH" | b"SYST" | b"OPTS" | b"HOST" | b"CLNT" => {
            Sign::Is(Protocol::Ftp)
        }
        _ => Sign::No,
    }
}
