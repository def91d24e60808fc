//! curl.

use super::{Job, Reads, Situation};
use crate::agent::{Exec, ProcessEnd, Said};
use crate::model::{Answer, HttpAsk, Trouble};

/// How long all of an exchange may take, in seconds.
const MAX_TIME: &str = "60";

pub(super) fn job(ask: &HttpAsk, situation: &Situation<'_>) -> Job {
    let head = situation.remote.hello().folder.join(format!("head-{}", situation.number));
    let mut argv: Vec<String> =
        ["curl", "-q", "-sSv", "-A", "lab", "-m", MAX_TIME, "-D"].map(str::to_owned).to_vec();
    argv.push(head.display().to_string());
    argv.extend(["--suppress-connect-headers".into(), "--cacert".into()]);
    argv.push(situation.roots.display().to_string());
    match ask.method.as_str() {
        "GET" if ask.body.is_none() => {}
        "HEAD" => argv.push("--head".into()),
        method => argv.extend(["-X".into(), method.into()]),
    }
    let mut exec = Exec::default();
    if let Some(body) = &ask.body {
        argv.extend(["--data-binary".into(), "@-".into()]);
        exec.stdin.0.clone_from(body);
    }
    for (name, value) in &ask.fields {
        // Without a value curl takes a colon as an order to leave the field out.
        let field = if value.is_empty() { format!("{name};") } else { format!("{name}: {value}") };
        argv.extend(["-H".into(), field]);
    }
    let version = match (ask.http2, ask.url.starts_with("https:")) {
        (true, true) => "--http2",
        (true, false) => "--http2-prior-knowledge",
        (false, _) => "--http1.1",
    };
    argv.extend([version.into(), ask.url.clone()]);
    exec.argv = argv;
    Job { exec, program: "curl".into(), reads: Reads::Curl(head) }
}

pub(super) fn answer(end: ProcessEnd, said: &Said, head: &str) -> Answer {
    let err = said.err();
    let mut answer = Answer { content: said.stdout.0.clone(), ..Answer::default() };
    // Each response has a block, also interim ones; trailers come after the last.
    let blocks = head.split("\r\n\r\n").filter(|block| block.starts_with("HTTP/"));
    if let Some(block) = blocks.filter(|block| !is_interim(block)).last() {
        let mut lines = block.lines();
        let first = lines.next().unwrap_or_default();
        let mut words = first.split(' ');
        answer.version = words.next().map(str::to_owned);
        answer.status = words.next().and_then(|status| status.parse().ok());
        let field = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_owned(), value.trim().to_owned()))
        };
        answer.fields = lines.filter_map(field).collect();
    }
    // Of a response to HEAD curl writes the fields as if they were content.
    if err.lines().any(|line| line.starts_with("> HEAD ")) {
        answer.content.clear();
    }
    answer.trouble = match end {
        ProcessEnd::Code(0) => None,
        ProcessEnd::Code(code) => Some(trouble(code, &err)),
        ProcessEnd::Signal(_) => Some(Trouble::Killed),
    };
    answer.said = err;
    answer
}

fn is_interim(block: &str) -> bool {
    let status = block.split(' ').nth(1).unwrap_or_default();
    status.starts_with('1') && status != "101"
}

/// What a status of curl's means, which says no more than its words do.
fn trouble(code: i32, err: &str) -> Trouble {
    let says = |words: &str| err.contains(words);
    match code {
        6 => Trouble::NoName,
        28 => Trouble::TimedOut,
        60 | 51 | 77 => Trouble::Untrusted,
        _ if says("Connection refused") => Trouble::Refused,
        7 if says("unreachable") || says("No route to host") => Trouble::Unreachable,
        _ if says("Connection reset by peer") => Trouble::Reset,
        7 if says("timed out") => Trouble::TimedOut,
        35 => Trouble::Tls,
        18 | 52 | 56 => Trouble::CutShort,
        // An HTTP/2 stream that the server gave up.
        92 => Trouble::Reset,
        16 => Trouble::CutShort,
        _ => Trouble::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::wire::Hex;

    #[test]
    fn the_final_response_is_read_and_neither_hints_nor_trailers() {
        let head = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nA:  b\r\nx-Empty: \
                    \r\n\r\nX-Sum: 7\r\n\r\n";
        let said = Said { stdout: Hex(b"page".to_vec()), ..Said::default() };
        let answer = answer(ProcessEnd::Code(18), &said, head);
        assert_eq!((answer.status, answer.version.as_deref()), (Some(200), Some("HTTP/1.1")));
        let fields = [("A", "b"), ("x-Empty", "")].map(|(name, value)| (name.into(), value.into()));
        assert_eq!(answer.fields, fields);
        assert_eq!(
            (answer.content.as_slice(), answer.trouble),
            (&b"page"[..], Some(Trouble::CutShort))
        );
    }

    #[test]
    fn words_tell_more_than_a_status() {
        for (code, words, expected) in [
            (7, "connect to 10.77.0.2 port 81 failed: Connection refused", Trouble::Refused),
            (
                7,
                "connect to 10.77.9.2 port 81 failed: Network is unreachable",
                Trouble::Unreachable,
            ),
            (56, "Recv failure: Connection reset by peer", Trouble::Reset),
            (35, "Recv failure: Connection reset by peer", Trouble::Reset),
            (35, "tlsv1 alert handshake failure", Trouble::Tls),
            (60, "SSL certificate problem", Trouble::Untrusted),
            (52, "Empty reply from server", Trouble::CutShort),
            (3, "", Trouble::Other),
        ] {
            assert_eq!(trouble(code, words), expected, "{code} {words}");
        }
    }
}
