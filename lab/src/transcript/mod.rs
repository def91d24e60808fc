//! The transcript of a trial: client, proxy and origin side by side.

mod columns;
mod words;

use crate::model::{Client, FlowSeen, OriginSeen};
use columns::Table;

/// What was done, in order; what was seen is added when it is written out.
#[derive(Debug, Default)]
pub struct Transcript {
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Asked(Client),
    Note(String),
}

impl Transcript {
    /// Adds what a client did and got.
    pub fn client(&mut self, client: Client) {
        self.steps.push(Step::Asked(client));
    }

    /// Adds what the scenario did.
    pub fn note(&mut self, note: &str) {
        self.steps.push(Step::Note(note.to_owned()));
    }

    /// Writes it out: the asks, the flows and the origins' connections each in their own order,
    /// the first beside the first and so on, and what the scenario did across all columns.
    #[must_use]
    pub fn render(&self, flows: &[FlowSeen], origins: &[OriginSeen]) -> String {
        let mut table = Table::new(["client", "proxy", "origin"]);
        let mut flows = flows.iter();
        let mut origins = origins.iter();
        let mut rest = || {
            let flow = flows.next().map(words::flow);
            (flow, origins.next().map(words::origin))
        };
        for step in &self.steps {
            match step {
                Step::Note(note) => table.across(note),
                Step::Asked(client) => {
                    let (flow, origin) = rest();
                    let cells = [Some(words::client(client)), flow, origin];
                    table.row(cells.map(Option::unwrap_or_default));
                }
            }
        }
        loop {
            let (flow, origin) = rest();
            if flow.is_none() && origin.is_none() {
                return table.render();
            }
            table.row([Vec::new(), flow.unwrap_or_default(), origin.unwrap_or_default()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Answer, Ended};

    fn asked() -> Client {
        let fields = vec![("Content-Type".to_owned(), "text/plain".to_owned())];
        Client {
            host: "app".into(),
            did: "curl GET http://origin/hello".into(),
            got: Answer {
                status: Some(200),
                version: Some("HTTP/1.1".into()),
                fields,
                content: b"hello from the origin\n".to_vec(),
                ..Answer::default()
            },
        }
    }

    fn flow() -> FlowSeen {
        FlowSeen {
            kind: "http".into(),
            process: Some("curl".into()),
            server: "origin:80".into(),
            asked: Some("GET http://origin/hello HTTP/1.1".into()),
            answered: Some("200 HTTP/1.1".into()),
            bytes: (0, 22),
            ..FlowSeen::default()
        }
    }

    fn connection(ended: Ended) -> OriginSeen {
        OriginSeen {
            host: "origin".into(),
            port: 80,
            transport: "tcp".into(),
            tls: None,
            first: vec!["GET /hello HTTP/1.1".into()],
            bytes: (74, 111),
            ended,
        }
    }

    #[test]
    fn the_three_stand_side_by_side() {
        let mut transcript = Transcript::default();
        transcript.client(asked());
        transcript.note("spec becomes \"wget\"");
        transcript.client(asked());
        let origins = [connection(Ended::ByPeer), connection(Ended::Reset)];
        insta::assert_snapshot!(transcript.render(&[flow()], &origins));
    }

    #[test]
    fn what_was_seen_beyond_the_asks_is_not_lost() {
        let text = Transcript::default().render(&[flow()], &[connection(Ended::Open)]);
        assert!(text.contains("GET http://origin/hello HTTP/1.1"), "{text}");
        assert!(text.contains("open to the end"), "{text}");
    }
}
