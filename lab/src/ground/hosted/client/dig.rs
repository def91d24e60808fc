//! dig.

use super::{Job, Reads};
use crate::agent::{Exec, ProcessEnd, Said};
use crate::model::{Answer, Family, Trouble};

pub(super) fn job(server: &str, name: &str, family: Family) -> Job {
    let kind = if family == Family::V6 { "AAAA" } else { "A" };
    let server = format!("@{server}");
    let argv = ["dig", "+tries=1", "+time=5", "+noedns", "+nocookie", &server, name, kind];
    Job { exec: Exec::new(argv), program: "dig".into(), reads: Reads::Dig }
}

pub(super) fn answer(end: ProcessEnd, said: &Said) -> Answer {
    let out = said.out();
    let status = out.split("status: ").nth(1).and_then(|rest| rest.split(',').next());
    let trouble = match (end, status) {
        (ProcessEnd::Code(0), Some("NOERROR")) => None,
        (ProcessEnd::Code(0), Some("NXDOMAIN")) => Some(Trouble::NoName),
        _ if out.contains("connection refused") => Some(Trouble::Refused),
        _ if out.contains("timed out") => Some(Trouble::TimedOut),
        _ => Some(Trouble::Other),
    };
    // The lines of the answer are the only ones that are neither empty nor comments.
    let lines = out.lines().filter(|line| !line.is_empty() && !line.starts_with(';'));
    let data = lines.filter_map(|line| line.split_whitespace().last());
    let content: String = data.map(|data| format!("{data}\n")).collect();
    Answer { content: content.into_bytes(), trouble, said: out + &said.err(), ..Answer::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::wire::Hex;

    #[test]
    fn answers_are_read() {
        let noerror = ";; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 1\n\n;; ANSWER SECTION:\n\
                       origin.\t60 IN A 10.77.0.2\n\n;; SERVER: 10.77.0.2#53\n";
        let no_name = ";; ->>HEADER<<- opcode: QUERY, status: NXDOMAIN, id: 1\n";
        for (code, out, content, trouble) in [
            (0, noerror, "10.77.0.2\n", None),
            (0, no_name, "", Some(Trouble::NoName)),
            (
                9,
                ";; communications error to 10.77.0.2#53: timed out\n",
                "",
                Some(Trouble::TimedOut),
            ),
            (
                9,
                ";; communications error to 10.77.0.2#53: connection refused\n",
                "",
                Some(Trouble::Refused),
            ),
        ] {
            let said = Said { stdout: Hex(out.as_bytes().to_vec()), ..Said::default() };
            let answer = answer(ProcessEnd::Code(code), &said);
            assert_eq!((answer.content, answer.trouble), (content.as_bytes().to_vec(), trouble));
        }
    }
}
