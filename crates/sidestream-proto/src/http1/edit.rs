//! Changes to a head that leave every other byte as it was sent.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use memchr::memchr;
use sidestream_record::RequestHead;

use super::bytes_of::{is_space, trim, trim_end};
use super::defect::Defects;
use super::head::Parsed;
use super::lines::{Lines, content};
use super::start_line::{RequestLine, StartLine};

/// Changes to a head that leave every other byte as it was sent; of two that name the same field,
/// the later one counts.
#[derive(Debug)]
#[must_use = "finish() makes the head"]
pub struct Edit<'a> {
    raw: &'a [u8],
    target: Option<&'a [u8]>,
    /// Names, and the value that takes the place of theirs.
    changes: Vec<(&'a str, Option<&'a [u8]>)>,
}

impl<H> Parsed<H> {
    /// Begins a change of the head.
    pub fn edit(&self) -> Edit<'_> {
        Edit { raw: &self.raw, target: None, changes: Vec::new() }
    }

    /// Returns the head without the fields of these names.
    pub fn without(&self, names: &[&str]) -> Bytes {
        names.iter().fold(self.edit(), |edit, name| edit.remove(name)).finish()
    }
}

impl Parsed<RequestHead> {
    /// Returns the head with another request target, such as the origin form of an absolute one.
    pub fn with_target(&self, target: &[u8]) -> Bytes {
        self.edit().target(target).finish()
    }
}

impl<'a> Edit<'a> {
    /// Puts another request target in; a response stays as it is.
    pub fn target(mut self, target: &'a [u8]) -> Self {
        self.target = Some(target);
        self
    }

    /// Takes all fields of that name out.
    pub fn remove(mut self, name: &'a str) -> Self {
        self.changes.push((name, None));
        self
    }

    /// Gives the first field of that name another value and takes the others out; where there is
    /// none, one is added at the end.
    pub fn set(mut self, name: &'a str, value: &'a [u8]) -> Self {
        self.changes.push((name, Some(value)));
        self
    }

    /// Makes the head.
    pub fn finish(self) -> Bytes {
        let mut lines = Lines::of_head();
        lines.scan(self.raw, usize::MAX);
        let added: usize =
            self.changes.iter().filter_map(|(_, value)| *value).map(<[u8]>::len).sum();
        let room = added + self.target.map_or(0, <[u8]>::len) + 64;
        let mut out = BytesMut::with_capacity(self.raw.len() + room);
        let start = lines.get(0).unwrap_or_default();
        out.put(&self.raw[..start.start]);
        self.put_start_line(&self.raw[start.clone()], &mut out);

        let mut done = vec![false; self.changes.len()];
        let (mut index, mut end) = (1, start.end);
        while let Some(line) = lines.get(index) {
            end = line.end;
            index += 1;
            while let Some(fold) = lines.get(index).filter(|fold| is_space(self.raw[fold.start])) {
                end = fold.end;
                index += 1;
            }
            self.put_field(&self.raw[line.start..end], &mut done, &mut out);
        }
        let ending = &self.raw[start.start + content(&self.raw[start.clone()]).len()..start.end];
        for (index, (name, value)) in self.changes.iter().enumerate() {
            let later = &self.changes[index + 1..];
            let counts = !done[index] && !later.iter().any(|(it, _)| it.eq_ignore_ascii_case(name));
            if let Some(value) = value.filter(|_| counts) {
                for part in [name.as_bytes(), b": ", value, ending] {
                    out.put(part);
                }
            }
        }
        out.put(&self.raw[end..]);
        out.freeze()
    }

    fn put_start_line(&self, line: &[u8], out: &mut BytesMut) {
        let parsed = RequestLine::parse(content(line), &mut Defects::default());
        match (parsed, self.target) {
            (Some(RequestLine { target: Range { start, end }, .. }), Some(target)) => {
                for part in [&line[..start], target, &line[end..]] {
                    out.put(part);
                }
            }
            _ => out.put(line),
        }
    }

    /// Puts a field, given with its folds and line endings, as the last change of its name has it.
    fn put_field(&self, line: &[u8], done: &mut [bool], out: &mut BytesMut) {
        let text = content(line);
        let colon = memchr(b':', text).unwrap_or(text.len());
        let name = trim_end(&text[..colon]);
        let same = |(other, _): &(&str, _)| name.eq_ignore_ascii_case(other.as_bytes());
        let Some(change) = self.changes.iter().rposition(same) else { return out.put(line) };
        let value = if done[change] { None } else { self.changes[change].1 };
        for (it, done) in self.changes.iter().zip(done) {
            *done |= same(it);
        }
        let Some(value) = value else { return };
        let old = trim(text.get(colon + 1..).unwrap_or_default());
        let spaces = text.len() - trim_end(text).len();
        let value_end = text.len() - if old.is_empty() { 0 } else { spaces };
        out.put(&text[..value_end - old.len()]);
        if colon == text.len() {
            out.put(&b": "[..]);
        }
        out.put(value);
        out.put(&line[value_end..]);
    }
}
