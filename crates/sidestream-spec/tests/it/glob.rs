//! Globs, by table and against a slow and obvious matcher.

use proptest::prelude::*;
use sidestream_spec::{Glob, Matcher, ProcessMatcher, Spec};

fn name_glob(pattern: &str) -> Glob {
    let spec: Spec = format!("name:{pattern}").parse().unwrap();
    match spec.items().next().unwrap().matcher() {
        Matcher::Process(ProcessMatcher::Name(glob)) => glob.clone(),
        other => panic!("{other:?} is not a name"),
    }
}

#[track_caller]
fn check(pattern: &str, text: &str, expected: bool) {
    assert_eq!(name_glob(pattern).matches(text.as_bytes()), expected, "{pattern:?} on {text:?}");
}

#[test]
fn a_glob_matches_the_whole_text() {
    check("curl", "curl", true);
    check("curl", "curl7", false);
    check("curl", "xcurl", false);
    check("curl", "", false);
}

#[test]
fn a_star_is_any_run_of_characters() {
    check("*", "", true);
    check("*", "anything/at.all", true);
    check("curl*", "curl", true);
    check("*curl*", "/usr/bin/curl7", true);
    check("a*b*c", "a-b-b-c", true);
    check("a*b*c", "a-c-b", false);
    check("**a", "bba", true);
    check("/opt/*/java", "/opt/a/b/java", true);
}

#[test]
fn a_question_mark_is_one_character() {
    check("cur?", "curl", true);
    check("cur?", "cur", false);
    check("??", "ß✓", true);
    check("?", "ß✓", false);
    check("*?", "", false);
    check("a?c", "a/c", true);
}

#[test]
fn the_rest_is_itself() {
    check(r"[a]\*", r"[a]\x", true);
    check("[a]", "a", false);
    check("Curl", "curl", false);
}

#[test]
fn bytes_that_are_no_text_count_as_one_character() {
    assert!(name_glob("a?b").matches(b"a\xFFb"));
    assert!(name_glob("a*b").matches(b"a\xFF\xFEb"));
}

#[test]
fn stars_without_end_do_not_take_forever() {
    let glob = name_glob(&"a*".repeat(2_000));
    assert!(!glob.matches(format!("{}b", "a".repeat(1_999)).as_bytes()));
}

#[test]
#[cfg(unix)]
fn a_path_that_is_no_text_is_matched_by_its_bytes() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use sidestream_spec::{Fact, ProcessFacts, Truth};

    let path = Fact::Known(OsStr::from_bytes(b"/opt/\xFF/curl"));
    let process = ProcessFacts { path, ..ProcessFacts::ABSENT };
    for text in ["path:/opt/?/curl", "curl", "/opt/"] {
        let spec: Spec = text.parse().unwrap();
        let Some(Matcher::Process(matcher)) = spec.items().next().map(|item| item.matcher()) else {
            panic!("{text} is on a process");
        };
        assert_eq!(matcher.truth(&process), Truth::True, "{text}");
    }
}

/// The definition of a glob, word by word; exponential.
fn matches_slowly(pattern: &[char], text: &[char]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        (['*', pattern @ ..], _) => {
            (0..=text.len()).any(|taken| matches_slowly(pattern, &text[taken..]))
        }
        (['?', pattern @ ..], [_, text @ ..]) => matches_slowly(pattern, text),
        ([a, pattern @ ..], [b, text @ ..]) => a == b && matches_slowly(pattern, text),
        _ => false,
    }
}

proptest! {
    #[test]
    fn is_what_the_definition_says(pattern in "[ab*?é€]{1,8}", text in "[abé€]{0,8}") {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        let expected = matches_slowly(&chars(&pattern), &chars(&text));
        prop_assert_eq!(name_glob(&pattern).matches(text.as_bytes()), expected);
    }
}
