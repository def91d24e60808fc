//! The proxy's lines as what it saw: no addresses, no ephemeral ports, no times.

use anyhow::{Context, Result};
use serde_json::Value;

use super::names::name_all;
use crate::model::FlowSeen;

/// Reads files of lines, in the order of the files, and within each in the order in which flows
/// and exchanges began.
pub(super) fn read(files: &[String], hosts: &[&str]) -> Result<Vec<FlowSeen>> {
    let mut seen = Vec::new();
    for file in files {
        let lines = file.lines().map(|line| serde_json::from_str(line).context("a line of JSON"));
        let mut lines = lines.collect::<Result<Vec<Value>>>()?;
        lines.sort_by_key(|line| (number(line, "flow"), number(line, "exchange"), message(line)));
        seen.extend(lines.iter().filter(|line| !is_late_reset(line)).map(|line| flow(line, hosts)));
    }
    Ok(seen)
}

fn number(line: &Value, name: &str) -> u64 {
    // The line of the flow itself comes after those of its exchanges.
    line[name].as_u64().unwrap_or(u64::MAX)
}

/// Messages come after the exchange that opened their WebSocket.
fn message(line: &Value) -> u64 {
    line["message"]["id"].as_u64().map_or(0, |id| id + 1)
}

fn flow(line: &Value, hosts: &[&str]) -> FlowSeen {
    let kind = text(&line["kind"]);
    let (asked, answered, bytes) = match kind.as_str() {
        "http" => http(line, hosts),
        "websocket" => websocket(&line["message"], hosts),
        "dns" => dns(line, hosts),
        _ => raw(line),
    };
    let server = line["server"]
        .as_str()
        .map_or_else(|| text(&line["host"]), |server| name_all(server, hosts));
    FlowSeen {
        process: process(line),
        server,
        asked,
        answered,
        bytes,
        tls: tls(line),
        error: error(line, hosts),
        notes: notes(line, hosts),
        kind,
    }
}

/// Whether all there is to say of a flow is that its client reset it when it had its answers.
///
/// Whether a client closes before or after the server's last word of TLS has reached it is a race;
/// nothing is said of the flow where that word was first.
fn is_late_reset(line: &Value) -> bool {
    let answered = line["protocol"] == "HTTP/1" && number(line, "exchanges") > 0;
    let reset = line["error"]["message"] == "reset by the client";
    line["kind"] == "tcp" && answered && line["tls"].is_object() && reset
}

type Said = (Option<String>, Option<String>, (u64, u64));

fn http(line: &Value, hosts: &[&str]) -> Said {
    let (request, response) = (&line["request"], &line["response"]);
    let asked = request.is_object().then(|| {
        let url = name_all(&text(&request["url"]), hosts);
        format!("{} {url} {}", text(&request["method"]), text(&request["version"]))
    });
    let answered = response.is_object().then(|| {
        let interim = line["interim"].as_array().into_iter().flatten();
        let interim: String = interim.map(|one| format!("{} ", text(&one["status"]))).collect();
        format!("{interim}{} {}", text(&response["status"]), text(&response["version"]))
    });
    (asked, answered, (count(&request["body_bytes"]), count(&response["body_bytes"])))
}

fn websocket(message: &Value, hosts: &[&str]) -> Said {
    let url = name_all(&text(&message["url"]), hosts);
    let code = message["code"].as_u64().map_or_else(String::new, |code| format!(" {code}"));
    let words = Some(format!("{}{code} {url}", text(&message["type"])));
    let bytes = count(&message["bytes"]);
    if message["from"] == "server" { (None, words, (0, bytes)) } else { (words, None, (bytes, 0)) }
}

fn dns(line: &Value, hosts: &[&str]) -> Said {
    let question = &line["query"]["questions"][0];
    let asked = question.is_object();
    let asked = asked.then(|| format!("{} {}", text(&question["name"]), text(&question["type"])));
    let answer = &line["answer"];
    let answered = answer.is_object().then(|| {
        let records = answer["answers"].as_array().into_iter().flatten();
        let data = records.map(|record| name_all(&text(&record["data"]), hosts));
        let words: Vec<_> = std::iter::once(text(&answer["rcode"])).chain(data).collect();
        words.join(" ")
    });
    (asked, answered, (0, 0))
}

/// What has no exchanges, or what is over.
fn raw(line: &Value) -> Said {
    let exchanges = line["exchanges"].as_u64().filter(|count| *count > 0);
    let after = exchanges.map_or_else(String::new, |count| format!(", exchanges: {count}"));
    let protocol = line["protocol"].as_str().map(|protocol| format!("{protocol}{after}"));
    // What TLS and handshakes come to differs from program to program, and from run to run.
    let is_plain = exchanges.is_none()
        && line["tls"].is_null()
        && line["passed"].is_null()
        && line["protocol"] != "TLS";
    let bytes = (count(&line["bytes_received"]), count(&line["bytes_sent"]));
    (protocol, None, if is_plain { bytes } else { (0, 0) })
}

/// What went wrong, and on whose side.
///
/// The race of [`is_late_reset`] may end a flow that is only passed, too.
fn error(line: &Value, hosts: &[&str]) -> Option<String> {
    let error = line["error"].as_object()?;
    let words = name_all(&text(&error["message"]), hosts);
    let is_race = line["passed"].is_object() && words == "reset by the client";
    (!is_race).then(|| format!("{words} ({})", text(&error["blame"])))
}

fn tls(line: &Value) -> Option<String> {
    let offered = line["passed"]["offered"].is_object();
    if line["tls"].is_object() {
        Some("read".to_owned())
    } else {
        offered.then(|| "passed".to_owned())
    }
}

/// The executable's name; which Python it is, is the machine's affair.
fn process(line: &Value) -> Option<String> {
    let path = line["process"]["path"].as_str()?;
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_python = name.starts_with("python3.");
    Some(if is_python { "python3" } else { name }.to_owned())
}

fn notes(line: &Value, hosts: &[&str]) -> Vec<String> {
    let list = |name: &str| line[name].as_array().cloned().unwrap_or_default();
    let defects = list("defects").into_iter().map(|defect| text(&defect));
    let altered = list("alterations").into_iter().map(|altered| text(&altered["text"]));
    let passed = line["passed"]["text"].as_str().map(str::to_owned);
    let notes = defects.chain(altered).chain(passed);
    notes.map(|note| name_all(&note, hosts)).collect()
}

/// A text as it is, a number in digits, and nothing of what is not there.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_what_was_seen_in_the_order_in_which_it_began() {
        let file = r#"
{"kind":"tcp","flow":2,"exchange":null,"process":{"path":"/usr/bin/python3.11"},"server":"[fd77::2]:7000","protocol":"raw","exchanges":0,"bytes_received":3,"bytes_sent":0,"tls":null,"error":{"message":"10.77.0.2:7000 refused","blame":"server"}}
{"kind":"http","flow":1,"exchange":5,"process":{"path":"/usr/bin/curl"},"server":"10.77.0.2:80","tls":{},"request":{"method":"GET","url":"http://origin/b","version":"HTTP/1.1","body_bytes":0},"response":{"status":200,"version":"HTTP/1.1","body_bytes":22},"error":null}
{"kind":"websocket","flow":1,"exchange":5,"message":{"id":7,"url":"ws://origin/b","from":"server","type":"close","code":1000,"bytes":0},"server":"10.77.0.2:80"}
{"kind":"tcp","flow":1,"exchange":null,"server":"10.77.0.2:80","protocol":"HTTP/1","exchanges":2,"tls":{},"error":{"message":"reset by the client","blame":"client"}}
{"kind":"dns","flow":0,"exchange":9,"process":null,"server":"10.77.0.2:53","query":{"questions":[{"name":"app","type":"A"}]},"answer":{"rcode":"NOERROR","answers":[{"data":"10.77.0.1"}]}}
"#;
        let seen = read(&[file.trim().to_owned()], &["app", "origin"]).unwrap();
        let words: Vec<_> = seen
            .iter()
            .map(|flow| {
                let FlowSeen { kind, process, server, asked, answered, bytes, tls, error, .. } =
                    flow;
                format!(
                    "{kind} {process:?} {server} {asked:?} {answered:?} {bytes:?} {tls:?} {error:?}"
                )
            })
            .collect();
        assert_eq!(
            words,
            [
                r#"dns None origin:53 Some("app A") Some("NOERROR app") (0, 0) None None"#,
                r#"http Some("curl") origin:80 Some("GET http://origin/b HTTP/1.1") Some("200 HTTP/1.1") (0, 22) Some("read") None"#,
                r#"websocket None origin:80 None Some("close 1000 ws://origin/b") (0, 0) None None"#,
                r#"tcp Some("python3") origin:7000 Some("raw") None (3, 0) None Some("origin:7000 refused (server)")"#,
            ]
        );
    }
}
