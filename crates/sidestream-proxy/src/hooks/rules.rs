//! The rules that users write, as a hook.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use sidestream_capture::BoxFuture;
use sidestream_coding::{Codings, DecodeError, Limits as CodingLimits, decode};
use sidestream_flow::Peer;
use sidestream_proto::hooks::{
    Asked, Interest, Limits, MessageQuestion, MessageVerdict, MessageWant, Question, Verdict, Want,
};
use sidestream_record::{Fields, RequestHead, ResponseHead, Version};
use sidestream_rules::{Facts, Reach, Replacement, Rules, Sender, content_type};
use tokio::task::spawn_blocking;
use tracing::warn;

use super::Hook;
use super::files::{self, Found};

/// The status that hangs up.
const HANG_UP: u16 = 444;

/// Why rules cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{rule}: cannot read {}", path.display())]
pub struct RulesError {
    /// The rule.
    pub rule: String,
    /// What it names.
    pub path: PathBuf,
    /// Why that cannot be read.
    #[source]
    pub source: io::Error,
}

/// Runs rules: blocked first, then mapped, then bodies, then header fields.
#[derive(Debug)]
pub struct RuleHook {
    rules: Arc<Rules>,
}

impl RuleHook {
    /// Makes a hook of rules whose files are there.
    ///
    /// # Errors
    ///
    /// A file or directory that a rule names cannot be read.
    pub fn new(rules: Rules) -> Result<Self, RulesError> {
        for rule in rules.locals() {
            let there = std::fs::metadata(&rule.path).map(drop);
            let named = || (rule.text.clone(), rule.path.clone());
            there.map_err(|source| unreadable(named(), source))?;
        }
        for (text, replacement) in rules.replacements() {
            if let Replacement::File(path) = replacement {
                let named = || (text.to_owned(), path.clone());
                files::read(path).map_err(|source| unreadable(named(), source))?;
            }
        }
        Ok(Self { rules: Arc::new(rules) })
    }
}

fn unreadable((rule, path): (String, PathBuf), source: io::Error) -> RulesError {
    RulesError { rule, path, source }
}

impl Interest for RuleHook {
    fn in_request(&self, request: &Asked) -> Want {
        let facts =
            Facts { url: &request.url, request: &request.head, response: None, message: None };
        want(self.rules.reach(&facts))
    }

    fn in_response(&self, request: &Asked, response: &ResponseHead) -> Want {
        let response = Some(response);
        want(self.rules.reach(&Facts {
            url: &request.url,
            request: &request.head,
            response,
            message: None,
        }))
    }

    fn in_messages(&self, request: &Asked, response: &ResponseHead) -> MessageWant {
        let wants = |sender| {
            let facts = of_message(request, response, sender);
            self.rules.messages(&facts).next().is_some()
        };
        MessageWant { from_client: wants(Sender::Client), from_server: wants(Sender::Server) }
    }
}

const fn of_message<'a>(
    Asked { url, head }: &'a Asked,
    response: &'a ResponseHead,
    sender: Sender,
) -> Facts<'a> {
    Facts { url: url.as_str(), request: head, response: Some(response), message: Some(sender) }
}

const fn want(reach: Reach) -> Want {
    match reach {
        Reach::Nothing => Want::Nothing,
        Reach::Head => Want::Head,
        Reach::Body => Want::Whole,
    }
}

impl Hook for RuleHook {
    fn judge(self: Arc<Self>, question: Question) -> BoxFuture<'static, Verdict> {
        Box::pin(async move {
            match question.response.clone() {
                None => judge_request(&self.rules, question).await,
                Some(head) => {
                    let Question { request, body, .. } = question;
                    let mut message = Message::new(head.fields.clone(), body);
                    message.apply(&self.rules, &request.url, &request.head, Some(&head)).await;
                    let Message { fields, changed, by, .. } = message;
                    match by.is_empty() {
                        true => Verdict::Pass,
                        false => {
                            let head = ResponseHead { fields, ..head };
                            Verdict::Response { by: by.join(", "), head, body: changed }
                        }
                    }
                }
            }
        })
    }

    fn judge_message(
        self: Arc<Self>,
        question: MessageQuestion,
    ) -> BoxFuture<'static, MessageVerdict> {
        Box::pin(async move { change_message(&self.rules, &question).await })
    }
}

async fn change_message(rules: &Rules, question: &MessageQuestion) -> MessageVerdict {
    let sender = if question.from == Peer::Client { Sender::Client } else { Sender::Server };
    let facts = of_message(&question.request, &question.response, sender);
    let mut changed: Option<Vec<u8>> = None;
    let mut by = Vec::new();
    for rule in rules.messages(&facts) {
        let content = changed.as_deref().unwrap_or(&question.data);
        if let Some(now) = rule.apply(content, file(&rule.replacement).await.as_deref()) {
            changed = Some(now);
            by.push(rule.text.clone());
        }
    }
    match changed {
        Some(data) => MessageVerdict::Replace { by: by.join(", "), data: data.into() },
        None => MessageVerdict::Pass,
    }
}

async fn judge_request(rules: &Rules, question: Question) -> Verdict {
    let Question { request, body, .. } = question;
    let facts = Facts { url: &request.url, request: &request.head, response: None, message: None };
    if let Some(blocked) = rules.blocked(&facts) {
        let by = blocked.by.to_owned();
        if blocked.status == HANG_UP {
            return Verdict::Kill { by };
        }
        let head = made(blocked.status, Fields::default());
        return Verdict::Answer { by, head, body: Bytes::new() };
    }
    let moved = rules.remote(&facts).map(|(url, by)| (url, by.to_owned()));
    let url = moved.as_ref().map_or(&*request.url, |(url, _)| url);
    if let Some(answer) = answer_from_files(rules, url, &request.head).await {
        return answer;
    }
    let mut message = Message::new(request.head.fields.clone(), body);
    message.by.extend(moved.iter().map(|(_, by)| by.clone()));
    message.apply(rules, url, &request.head, None).await;
    let Message { fields, changed, by, .. } = message;
    if by.is_empty() {
        return Verdict::Pass;
    }
    let head = RequestHead { fields, ..request.head.clone() };
    Verdict::Request { by: by.join(", "), url: moved.map(|(url, _)| url), head, body: changed }
}

/// Answers from files, if a rule says so: with the first that is there, or else 404.
async fn answer_from_files(rules: &Rules, url: &str, request: &RequestHead) -> Option<Verdict> {
    let facts = Facts { url, request, response: None, message: None };
    let mut last = None;
    for rule in rules.local(&facts) {
        let (root, candidates) = (rule.path.clone(), rule.candidates(url));
        let found = spawn_blocking(move || files::find(&root, &candidates)).await;
        let mut by = rule.text.clone();
        let (status, fields, body) = match found {
            Ok(Found::File { path, content }) => {
                let mut fields = Fields::default();
                if let Some(media) = content_type(&path) {
                    fields.push("Content-Type", media);
                }
                (200, fields, Bytes::from(content))
            }
            Ok(Found::Nothing) | Err(_) => {
                last = Some(by);
                continue;
            }
            Ok(Found::Unreadable(error)) => {
                warn!(%error, rule = rule.text, "a file cannot be served");
                by += &format!(", whose file cannot be served: {error}");
                (500, Fields::default(), Bytes::new())
            }
        };
        return Some(answered(rules, url, request, (by, made(status, fields), body)).await);
    }
    let by = last?;
    Some(answered(rules, url, request, (by, made(404, Fields::default()), Bytes::new())).await)
}

/// Lets the rules for responses have their say on an answer of ours.
async fn answered(
    rules: &Rules,
    url: &str,
    request: &RequestHead,
    (by, head, body): (String, ResponseHead, Bytes),
) -> Verdict {
    let mut message = Message::new(head.fields.clone(), Some(body.clone()));
    message.by.push(by);
    message.apply(rules, url, request, Some(&head)).await;
    let Message { fields, changed, by, .. } = message;
    let head = ResponseHead { fields, ..head };
    Verdict::Answer { by: by.join(", "), head, body: changed.unwrap_or(body) }
}

fn made(status: u16, fields: Fields) -> ResponseHead {
    let reason = match status {
        200 => "OK",
        204 => "No Content",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        410 => "Gone",
        418 => "I'm a teapot",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "",
    };
    ResponseHead { version: Version::Http11, status, reason: reason.into(), fields }
}

/// A message on its way through the rules.
struct Message {
    fields: Fields,
    body: Option<Bytes>,
    /// The body, once it was changed.
    changed: Option<Bytes>,
    by: Vec<String>,
}

impl Message {
    const fn new(fields: Fields, body: Option<Bytes>) -> Self {
        Self { fields, body, changed: None, by: Vec::new() }
    }

    /// Applies the rules for bodies and header fields.
    async fn apply(
        &mut self,
        rules: &Rules,
        url: &str,
        request: &RequestHead,
        response: Option<&ResponseHead>,
    ) {
        let facts = Facts { url, request, response, message: None };
        self.change_body(rules, &facts).await;
        for rule in rules.headers(&facts) {
            let before = self.fields.clone();
            rule.apply(&mut self.fields, file(&rule.value).await.as_deref());
            if before != self.fields {
                self.by.push(rule.text.clone());
            }
        }
    }

    /// Takes the content codings off; `None` if there are none.
    fn decoded(&self, body: &[u8]) -> Result<Option<Vec<u8>>, DecodeError> {
        let codings = Codings::parse(self.fields.get_all("content-encoding").map(|it| &it[..]));
        if codings.is_empty() {
            return Ok(None);
        }
        let limits = CodingLimits::up_to(Limits::default().body_bytes as u64);
        decode(&codings, body, limits).whole().map(Some)
    }

    async fn change_body(&mut self, rules: &Rules, facts: &Facts<'_>) {
        let Some(body) = self.body.take() else { return };
        let mut decoded: Option<Vec<u8>> = None;
        for (at, rule) in rules.bodies(facts).enumerate() {
            if at == 0 {
                match self.decoded(&body) {
                    Ok(content) => decoded = content,
                    Err(error) => return self.by.push(format!("{}, in vain: {error}", rule.text)),
                }
            }
            let content = self.changed.as_deref().or(decoded.as_deref()).unwrap_or(&body);
            if let Some(changed) = rule.apply(content, file(&rule.replacement).await.as_deref()) {
                self.changed = Some(changed.into());
                self.by.push(rule.text.clone());
            }
        }
        if self.changed.is_some() {
            // What was decoded stays so.
            self.fields.0.retain(|field| !field.is("content-encoding"));
        }
    }
}

/// Reads the file that a replacement names, as it is now.
async fn file(replacement: &Replacement) -> Option<Vec<u8>> {
    let Replacement::File(path) = replacement else { return None };
    let (path, shown) = (path.clone(), path.display().to_string());
    match spawn_blocking(move || files::read(&path)).await.ok()? {
        Ok(content) => Some(content),
        Err(error) => {
            warn!(%error, path = shown, "a file that a rule names cannot be read");
            None
        }
    }
}
