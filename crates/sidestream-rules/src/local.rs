//! URLs that are answered from files.

use std::path::{Component, Path, PathBuf};

use regex::bytes::Regex;

use crate::ParseRuleError;
use crate::filter::{Facts, Filter};
use crate::spec::{Spec, speaks_of_heads};

/// A rule that answers URLs from a file or a directory.
#[derive(Clone, Debug)]
pub struct LocalRule {
    /// The rule as it was written.
    pub text: String,
    /// The file or directory.
    pub path: PathBuf,
    filter: Filter,
    url: Regex,
}

impl LocalRule {
    pub(crate) fn parse(text: &str) -> Result<Self, ParseRuleError> {
        let spec = Spec::parse(text)?;
        speaks_of_heads(text, &spec.filter)?;
        if spec.replacement.text.is_empty() {
            return Err(spec.error(spec.replacement, "a file or directory is expected"));
        }
        Ok(Self {
            text: format!("map-local {text}"),
            path: spec.replacement.text.into(),
            url: spec.regex()?,
            filter: spec.filter,
        })
    }

    /// Returns whether it answers an exchange.
    pub fn matches(&self, facts: &Facts<'_>) -> bool {
        facts.response.is_none()
            && self.url.is_match(facts.url.as_bytes())
            && self.filter.matches(facts)
    }

    /// Lists the files below a directory that a URL may mean, in order. None of them leads out of
    /// it by its name.
    pub fn candidates(&self, url: &str) -> Vec<PathBuf> {
        let Some(found) = self.url.captures(url.as_bytes()) else { return Vec::new() };
        let suffix = match (found.get(1), found.get(0)) {
            (Some(group), _) => group.as_bytes(),
            (None, Some(whole)) => {
                let rest = &url.as_bytes()[whole.end()..];
                rest.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default()
            }
            (None, None) => return Vec::new(),
        };
        let suffix = String::from_utf8_lossy(&unquoted(suffix)).into_owned();
        let suffix = suffix.trim_matches('/');
        if suffix.is_empty() {
            return vec!["index.html".into()];
        }
        let kept = |char: char| char.is_ascii_alphanumeric() || "-_.=(),/".contains(char);
        let escaped: String = suffix.chars().map(|it| if kept(it) { it } else { '_' }).collect();
        let mut names = vec![suffix.to_owned(), format!("{suffix}/index.html")];
        if escaped != suffix {
            names.extend([escaped.clone(), format!("{escaped}/index.html")]);
        }
        names.into_iter().map(PathBuf::from).filter(|path| stays_below(path)).collect()
    }
}

/// Returns whether a path leads nowhere but down.
fn stays_below(path: &Path) -> bool {
    let text = path.to_string_lossy();
    // What other systems read as a separator, a drive or a stream is none here.
    !text.contains(['\\', ':', '\0'])
        && path.components().all(|part| match part {
            // Windows takes dots and spaces off the end of a name, and so `.. ` for `..`.
            Component::Normal(name) => {
                !name.to_string_lossy().trim_end_matches(['.', ' ']).is_empty()
            }
            _ => false,
        })
}

/// Takes percent-encoding off (RFC 3986 §2.1).
fn unquoted(text: &[u8]) -> Vec<u8> {
    let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|it| u8::try_from(it).ok());
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let pair =
            (text.get(at + 1).copied().and_then(hex), text.get(at + 2).copied().and_then(hex));
        match (byte, pair) {
            (b'%', (Some(high), Some(low))) => {
                out.push(high * 16 + low);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

/// Returns the media type of a file, by the ending of its name.
pub fn content_type(path: &Path) -> Option<&'static str> {
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    Some(match &*ending {
        "avif" => "image/avif",
        "css" => "text/css",
        "csv" => "text/csv",
        "gif" => "image/gif",
        "gz" => "application/gzip",
        "htm" | "html" => "text/html",
        "ico" => "image/vnd.microsoft.icon",
        "jpeg" | "jpg" => "image/jpeg",
        "js" | "mjs" => "text/javascript",
        "json" | "map" => "application/json",
        "md" => "text/markdown",
        "mp3" => "audio/mpeg",
        "mp4" => "video/mp4",
        "otf" => "font/otf",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "tar" => "application/x-tar",
        "ttf" => "font/ttf",
        "txt" => "text/plain",
        "wasm" => "application/wasm",
        "webm" => "video/webm",
        "webmanifest" => "application/manifest+json",
        "webp" => "image/webp",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "xml" => "text/xml",
        "zip" => "application/zip",
        _ => return None,
    })
}
