//! What views make of good, broken and cut content.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod choice;
mod samples;
mod snapshots;
mod splits;
mod typed;

use std::time::Duration;

use sidestream_view::{Sink, Style, view};

/// Runs a view over pieces.
fn run<'a>(name: &str, kind: Option<&str>, pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut view = view(name, kind).unwrap();
    let mut text = String::new();
    for piece in pieces {
        view.push(piece, &mut text);
    }
    view.finish(&mut text);
    text
}

/// Marks what is not plain, by the first letters of its style.
#[derive(Default)]
struct Marked {
    text: String,
    style: Option<Style>,
}

impl Sink for Marked {
    fn span(&mut self, style: Style, text: &str) {
        if self.style != Some(style) {
            self.close();
            if style != Style::Plain {
                self.text.push_str(&format!("⟨{}:", &format!("{style:?}")[..2]));
            }
            self.style = Some(style);
        }
        self.text.push_str(text);
    }

    fn end_line(&mut self) {
        self.close();
        self.text.push('\n');
    }
}

impl Marked {
    fn close(&mut self) {
        if self.style.take().is_some_and(|style| style != Style::Plain) {
            self.text.push('⟩');
        }
    }
}

#[test]
fn styles_tell_what_is_what() {
    let mut view = view("json", None).unwrap();
    let mut marked = Marked::default();
    view.push(b"{\"a\":[1,true,\"\\n\x1b\"]} x", &mut marked);
    view.finish(&mut marked);
    insta::assert_snapshot!(marked.text, @r#"
    ⟨Pu:{⟩
      ⟨Ke:"a"⟩⟨Pu:: [⟩
        ⟨Nu:1⟩⟨Pu:,⟩
        ⟨Ke:true⟩⟨Pu:,⟩
        ⟨St:"\n⟩⟨Er:\x1b⟩⟨St:"⟩
      ⟨Pu:]⟩
    ⟨Pu:}⟩
    ⟨Ke:x⟩
    ⟨Er:the JSON is cut short⟩
    "#);
}

#[test]
fn content_that_goes_on_is_not_called_cut() {
    for (name, content) in
        [("json", "{\"a\":[1"), ("html", "<a><b"), ("grpc", "\0\0\0\0\x09\x08\x01")]
    {
        let mut view = view(name, None).unwrap();
        let mut text = String::new();
        view.push(content.as_bytes(), &mut text);
        view.leave(&mut text);
        assert!(!text.contains("cut") && !text.contains("missing"), "{text}");
    }
}

#[test]
fn times_are_told_where_they_are_known() {
    let mut view = view("event-stream", None).unwrap();
    let mut text = String::new();
    for (at, word) in [(120, "Hello"), (350, ", world")] {
        view.at(Duration::from_millis(at));
        let data = format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{word}\"}}}}]}}\n\n");
        view.push(data.as_bytes(), &mut text);
    }
    view.finish(&mut text);
    assert!(text.ends_with("times: first after 0.120 s, last after 0.350 s\n"), "{text}");
}

/// What the end of a stream says of times; `None` stands for one that goes on.
fn times(events: &[(u64, &str)], whole: bool) -> String {
    let mut view = view("event-stream", None).unwrap();
    let mut text = String::new();
    for (at, data) in events {
        view.at(Duration::from_millis(*at));
        view.push(format!("data: {data}\n\n").as_bytes(), &mut text);
    }
    if whole {
        view.finish(&mut text)
    } else {
        view.leave(&mut text)
    }
    text.lines().find_map(|line| line.strip_prefix("times: ")).unwrap_or("-").to_owned()
}

#[test]
fn tokens_are_counted_by_the_second_from_the_first_word_on() {
    let said = |word: &str| format!(r#"{{"choices":[{{"delta":{{"content":"{word}"}}}}]}}"#);
    let usage = r#"{"choices":[],"usage":{"completion_tokens":30,
        "completion_tokens_details":{"reasoning_tokens":10}}}"#
        .replace('\n', "");
    let (first, second) = (said("a"), said("b"));
    let open_ai = [(500, &*first), (1000, &*second), (1300, &*usage)];
    // What was not said took no time in between.
    assert_eq!(times(&open_ai, true), "first after 0.500 s, last after 1.000 s, 40.0 tokens/s");
    assert_eq!(times(&open_ai[..2], false), "first after 0.500 s");
    assert_eq!(times(&open_ai[..1], true), "first after 0.500 s, last after 0.500 s");
    assert_eq!(times(&open_ai[2..], true), "-");
    let delta = |kind: &str, text: &str| {
        format!(
            r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"{kind}_delta","{kind}":"{text}"}}}}"#
        )
    };
    let (thought, word) = (delta("thinking", "hm"), delta("text", "so"));
    let usage = r#"{"type":"message_delta","delta":{},"usage":{"output_tokens":12}}"#;
    let anthropic = [(250, &*thought), (750, &*word), (1250, &*word), (1260, usage)];
    assert_eq!(times(&anthropic, true), "first after 0.250 s, last after 1.250 s, 12.0 tokens/s");
}
