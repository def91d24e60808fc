//! What a suite found without us beside what it found through us.

use std::collections::{BTreeMap, BTreeSet};

use super::Case;

/// How much of an answer is shown where two differ.
const SHOWN_CHARS: usize = 300;

/// Answers by the names of the cases.
pub(crate) type Answers = BTreeMap<String, String>;

/// Makes a case of each name: it passes where both ways gave the same answer.
pub(crate) fn compare(direct: &Answers, through: &Answers) -> Vec<Case> {
    let names: BTreeSet<_> = direct.keys().chain(through.keys()).collect();
    let case = |name: &&String| match (direct.get(*name), through.get(*name)) {
        (Some(direct), Some(through)) if direct == through => Case::passed(*name),
        (direct, through) => Case::failed(*name, difference(direct, through)),
    };
    names.iter().map(case).collect()
}

/// Tells where two answers part.
fn difference(direct: Option<&String>, through: Option<&String>) -> String {
    let (Some(direct), Some(through)) = (direct, through) else {
        let way = if direct.is_some() { "directly" } else { "through us" };
        let answer = direct.or(through).map_or("", String::as_str);
        return format!("only {way}: {}", shorten(answer));
    };
    let parts = |(a, b): &(&str, &str)| a != b;
    let lines = direct.lines().zip(through.lines()).find(parts);
    let (direct, through) = lines.unwrap_or((direct, through));
    format!("directly {:?}, through us {:?}", shorten(direct), shorten(through))
}

fn shorten(text: &str) -> String {
    text.chars().take(SHOWN_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers<const N: usize>(of: [(&str, &str); N]) -> Answers {
        of.into_iter().map(|(name, answer)| (name.to_owned(), answer.to_owned())).collect()
    }

    #[track_caller]
    fn check(direct: &Answers, through: &Answers, failed: Option<&str>) {
        let cases = compare(direct, through);
        assert_eq!(cases.len(), 1);
        assert_eq!(cases[0].failed.as_deref(), failed);
    }

    #[test]
    fn same_answers_pass() {
        check(&answers([("a", "ok")]), &answers([("a", "ok")]), None);
    }

    #[test]
    fn the_first_line_that_differs_is_shown() {
        let (direct, through) = (answers([("a", "x\ny")]), answers([("a", "x\nz")]));
        check(&direct, &through, Some("directly \"y\", through us \"z\""));
    }

    #[test]
    fn more_lines_are_a_difference() {
        let (direct, through) = (answers([("a", "x")]), answers([("a", "x\nz")]));
        check(&direct, &through, Some("directly \"x\", through us \"x\\nz\""));
    }

    #[test]
    fn an_answer_on_one_way_alone_is_a_difference() {
        check(&answers([("a", "ok")]), &answers([]), Some("only directly: ok"));
        check(&answers([]), &answers([("a", "ok")]), Some("only through us: ok"));
    }
}
