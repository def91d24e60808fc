//! What a language model says in an event stream: text, tool calls, tokens.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::json::Json;
use crate::out::Out;
use crate::sink::Style;
use crate::value::Value;
use crate::view::run;

/// How much is joined, over all parts.
const MAX_JOINED: usize = 1 << 20;

/// How many parts are told apart.
const MAX_PARTS: usize = 256;

/// What was said so far, in the shapes of OpenAI (chat completions, responses) and Anthropic
/// (messages).
#[derive(Debug, Default)]
pub(crate) struct Llm {
    known: bool,
    model: Option<String>,
    stop: Option<String>,
    /// By which choice or output they belong to, and their place in it.
    parts: BTreeMap<(u64, u64), Part>,
    joined: usize,
    left_out: usize,
    tokens: Tokens,
    now: Option<Duration>,
    first: Option<Duration>,
    last: Option<Duration>,
}

#[derive(Debug, Default)]
struct Part {
    kind: Kind,
    name: Option<String>,
    id: Option<String>,
    text: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Text,
    Thinking,
    Tool,
}

#[derive(Debug, Default)]
struct Tokens {
    input: Option<u64>,
    cached: Option<u64>,
    output: Option<u64>,
    reasoning: Option<u64>,
}

impl Llm {
    pub(crate) const fn at(&mut self, since_start: Duration) {
        self.now = Some(since_start);
    }

    /// Takes the data of an event.
    pub(crate) fn event(&mut self, data: &[u8]) {
        if !data.starts_with(b"{") {
            return;
        }
        let Some(event) = Value::parse(data) else { return };
        match event.text_of("type") {
            Some(kind) if kind.starts_with("response.") => self.responses(kind, &event),
            Some(kind) => self.messages(kind, &event),
            None if event.get("choices").is_some() => self.chat(&event),
            None => {}
        }
    }

    /// OpenAI's chat completions, and who speaks as they do.
    fn chat(&mut self, event: &Value) {
        self.known = true;
        self.set_model(event);
        for choice in event.get("choices").map_or(&[][..], Value::items) {
            let index = choice.number_of("index").unwrap_or(0);
            if let Some(delta) = choice.get("delta") {
                for name in ["reasoning_content", "reasoning"] {
                    self.say((index, 0), Kind::Thinking, delta.text_of(name));
                }
                self.say((index, 1), Kind::Text, delta.text_of("content"));
                self.say((index, 1), Kind::Text, delta.text_of("refusal"));
                for call in delta.get("tool_calls").map_or(&[][..], Value::items) {
                    let at = (index, 2 + call.number_of("index").unwrap_or(0));
                    let name = call.at(&["function", "name"]).and_then(Value::text);
                    self.name(at, Kind::Tool, name, call.text_of("id"));
                    let arguments = call.at(&["function", "arguments"]).and_then(Value::text);
                    self.say(at, Kind::Tool, arguments);
                }
            }
            self.set_stop(choice.text_of("finish_reason"));
        }
        if let Some(usage) = event.get("usage") {
            self.usage(usage);
        }
    }

    /// OpenAI's responses.
    fn responses(&mut self, kind: &str, event: &Value) {
        self.known = true;
        let output = event.number_of("output_index").unwrap_or(0);
        let at = (output, event.number_of("content_index").unwrap_or(0));
        let delta = event.text_of("delta");
        match kind {
            "response.output_text.delta" | "response.refusal.delta" => {
                self.say(at, Kind::Text, delta);
            }
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                self.say((output, 0), Kind::Thinking, delta);
            }
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                self.say((output, 0), Kind::Tool, delta);
            }
            "response.output_item.added" => {
                if let Some(item) = event.get("item")
                    && item.text_of("type").is_some_and(|kind| kind.ends_with("_call"))
                {
                    let name = item.text_of("name").or_else(|| item.text_of("type"));
                    self.name((output, 0), Kind::Tool, name, item.text_of("call_id"));
                }
            }
            _ => {}
        }
        if let Some(response) = event.get("response") {
            self.set_model(response);
            if kind != "response.created" && kind != "response.in_progress" {
                self.set_stop(response.text_of("status"));
            }
            if let Some(usage) = response.get("usage") {
                self.usage(usage);
            }
        }
    }

    /// Anthropic's messages.
    fn messages(&mut self, kind: &str, event: &Value) {
        let at = (0, event.number_of("index").unwrap_or(0));
        match kind {
            "message_start" => {
                self.known = true;
                if let Some(message) = event.get("message") {
                    self.set_model(message);
                    if let Some(usage) = message.get("usage") {
                        self.usage(usage);
                    }
                }
            }
            "content_block_start" => {
                let Some(block) = event.get("content_block") else { return };
                match block.text_of("type") {
                    Some("text") => self.say(at, Kind::Text, block.text_of("text")),
                    Some("thinking") => self.say(at, Kind::Thinking, block.text_of("thinking")),
                    Some(kind) if kind.ends_with("tool_use") => {
                        self.name(at, Kind::Tool, block.text_of("name"), block.text_of("id"));
                    }
                    _ => {}
                }
            }
            "content_block_delta" => {
                self.known = true;
                let Some(delta) = event.get("delta") else { return };
                self.say(at, Kind::Text, delta.text_of("text"));
                self.say(at, Kind::Thinking, delta.text_of("thinking"));
                self.say(at, Kind::Tool, delta.text_of("partial_json"));
            }
            "message_delta" => {
                self.set_stop(event.at(&["delta", "stop_reason"]).and_then(Value::text));
                if let Some(usage) = event.get("usage") {
                    self.usage(usage);
                }
            }
            _ => {}
        }
    }

    fn set_model(&mut self, value: &Value) {
        if let Some(model) = value.text_of("model") {
            self.model = Some(model.to_owned());
        }
    }

    fn set_stop(&mut self, reason: Option<&str>) {
        if let Some(reason) = reason {
            self.stop = Some(reason.to_owned());
        }
    }

    fn part(&mut self, at: (u64, u64), kind: Kind) -> Option<&mut Part> {
        if self.parts.len() >= MAX_PARTS && !self.parts.contains_key(&at) {
            return None;
        }
        let part = self.parts.entry(at).or_default();
        part.kind = kind;
        Some(part)
    }

    fn name(&mut self, at: (u64, u64), kind: Kind, name: Option<&str>, id: Option<&str>) {
        let Some(part) = self.part(at, kind) else { return };
        let own = |text: &str| text.chars().take(256).collect::<String>();
        part.name = name.map(own).or_else(|| part.name.take());
        part.id = id.map(own).or_else(|| part.id.take());
    }

    fn say(&mut self, at: (u64, u64), kind: Kind, text: Option<&str>) {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return };
        self.first = self.first.or(self.now);
        self.last = self.now;
        if self.joined + text.len() > MAX_JOINED {
            self.left_out += text.len();
            return;
        }
        let Some(part) = self.part(at, kind) else {
            self.left_out += text.len();
            return;
        };
        part.text.push_str(text);
        self.joined += text.len();
    }

    fn usage(&mut self, usage: &Value) {
        let tokens = &mut self.tokens;
        let set = |to: &mut Option<u64>, names: [&str; 2]| {
            *to = names.iter().find_map(|name| usage.number_of(name)).or(*to);
        };
        set(&mut tokens.input, ["prompt_tokens", "input_tokens"]);
        set(&mut tokens.output, ["completion_tokens", "output_tokens"]);
        set(&mut tokens.cached, ["cache_read_input_tokens", "cached_tokens"]);
        for details in ["prompt_tokens_details", "input_tokens_details"] {
            let cached = usage.get(details).and_then(|it| it.number_of("cached_tokens"));
            tokens.cached = cached.or(tokens.cached);
        }
        for details in ["completion_tokens_details", "output_tokens_details"] {
            let reasoning = usage.get(details).and_then(|it| it.number_of("reasoning_tokens"));
            tokens.reasoning = reasoning.or(tokens.reasoning);
        }
    }

    /// Returns whether it was a model.
    pub(crate) const fn has_spoken(&self) -> bool {
        self.known
    }

    /// Writes what was said.
    pub(crate) fn write(&self, out: &mut Out<'_>) {
        out.note(Style::Note, "joined:");
        if let Some(model) = &self.model {
            field(out, "model", model);
        }
        let choices = self.parts.keys().map(|(choice, _)| choice).max().copied().unwrap_or(0);
        for ((choice, _), part) in &self.parts {
            let of = if choices > 0 { format!(" {choice}") } else { String::new() };
            part.write(&of, out);
        }
        if self.left_out > 0 {
            out.note(Style::Note, &format!("{} more bytes were not joined", self.left_out));
        }
        if let Some(stop) = &self.stop {
            field(out, "stopped", stop);
        }
        self.tokens.write(out);
        let seconds = |time: Duration| format!("{:.3} s", time.as_secs_f64());
        match (self.first, self.last) {
            // The last that is known is not the last that came.
            (Some(first), _) if out.is_left() => {
                field(out, "times", &format!("first after {}", seconds(first)));
            }
            (Some(first), Some(last)) => {
                let rate = self.rate(last.saturating_sub(first));
                let rate = rate.map(|rate| format!(", {rate:.1} tokens/s")).unwrap_or_default();
                let times = [seconds(first), seconds(last)].join(", last after ");
                field(out, "times", &format!("first after {times}{rate}"));
            }
            _ => {}
        }
    }

    /// Returns how many tokens came in a second, from the first word to the last.
    fn rate(&self, within: Duration) -> Option<f64> {
        let thinks = self.parts.values().any(|part| part.kind == Kind::Thinking);
        // What was thought and not said took its time before the first word.
        let unsaid = self.tokens.reasoning.filter(|_| !thinks).unwrap_or_default();
        let said = self.tokens.output?.saturating_sub(unsaid);
        (said > 0 && !within.is_zero()).then(|| said as f64 / within.as_secs_f64())
    }
}

impl Part {
    fn write(&self, of: &str, out: &mut Out<'_>) {
        let label = match self.kind {
            Kind::Text => "text",
            Kind::Thinking => "thinking",
            Kind::Tool => "tool call",
        };
        out.text(Style::Key, &format!("{label}{of}"));
        out.text(Style::Punctuation, ":");
        if let Some(name) = &self.name {
            out.text(Style::Tag, &format!(" {name}"));
        }
        if let Some(id) = &self.id {
            out.text(Style::Note, &format!(" ({id})"));
        }
        if self.kind == Kind::Tool {
            out.line();
            if !self.text.is_empty() {
                out.indent(1);
                run(Json::indented(1), self.text.as_bytes(), out);
            }
            return;
        }
        for line in self.text.lines() {
            out.indent(1);
            out.text(Style::String, line.trim_end_matches('\r'));
        }
        out.line();
    }
}

impl Tokens {
    fn write(&self, out: &mut Out<'_>) {
        let parts = [
            ("in", self.input),
            ("cached", self.cached),
            ("out", self.output),
            ("reasoning", self.reasoning),
        ];
        let known: Vec<_> = parts
            .iter()
            .filter_map(|(name, count)| count.map(|count| format!("{count} {name}")))
            .collect();
        if !known.is_empty() {
            field(out, "tokens", &known.join(", "));
        }
    }
}

fn field(out: &mut Out<'_>, name: &str, value: &str) {
    out.text(Style::Key, name);
    out.text(Style::Punctuation, ": ");
    out.text(Style::Plain, value);
    out.line();
}
