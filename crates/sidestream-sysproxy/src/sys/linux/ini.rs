//! Files of KDE's kind: keys in groups, changed line by line, all else as it is.

/// A key of a group, as a line that is there.
struct Line {
    start: usize,
    end: usize,
}

/// Why a key cannot be changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Locked;

/// Returns what a key holds.
pub(super) fn get<'a>(text: &'a str, group: &str, key: &str) -> Option<&'a str> {
    let line = find(text, group, key)?;
    let (_, value) = text[line.start..line.end].split_once('=')?;
    Some(value.trim())
}

/// Gives a key a value, or takes it out.
pub(super) fn set(text: &str, group: &str, key: &str, value: Option<&str>) -> String {
    let line = value.map(|value| format!("{key}={value}\n"));
    let (start, end, line) = match (find(text, group, key), line) {
        (Some(found), line) => (found.start, found.end, line.unwrap_or_default()),
        (None, None) => return text.to_owned(),
        (None, Some(line)) => match group_end(text, group) {
            Some(end) => (end, end, line),
            None => {
                let gap = if text.is_empty() { "" } else { "\n" };
                (text.len(), text.len(), format!("{gap}[{group}]\n{line}"))
            }
        },
    };
    let before = &text[..start];
    let mend = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    format!("{before}{mend}{line}{}", &text[end..])
}

/// Takes out a group that holds nothing, with the empty line before it.
pub(super) fn without_empty_group(text: &str, group: &str) -> String {
    let header = format!("[{group}]\n");
    let Some(at) = text.find(&header) else { return text.to_owned() };
    let rest = &text[at + header.len()..];
    if !(rest.trim_start().is_empty() || rest.trim_start().starts_with('[')) {
        return text.to_owned();
    }
    let before = &text[..at];
    let before = before.strip_suffix("\n\n").map_or(before, |_| &text[..at - 1]);
    format!("{before}{rest}")
}

/// Returns whether the administrator has locked the file, the group or one of its keys.
pub(super) fn check(text: &str, group: &str, keys: &[&str]) -> Result<(), Locked> {
    let locks = |flags: &str| flags.starts_with("[$") && flags.contains('i');
    let mut is_in = false;
    for line in text.lines().map(str::trim) {
        if line == "[$i]" {
            return Err(Locked);
        }
        if line.starts_with('[') {
            let flags = line.strip_prefix(&format!("[{group}]"));
            is_in = flags.is_some();
            if flags.is_some_and(locks) {
                return Err(Locked);
            }
        } else if let Some((name, _)) = line.split_once('=') {
            let flags = keys.iter().find_map(|key| name.trim().strip_prefix(key));
            if is_in && flags.is_some_and(locks) {
                return Err(Locked);
            }
        }
    }
    Ok(())
}

/// Finds the last line of a key, which is the one that holds.
fn find(text: &str, group: &str, key: &str) -> Option<Line> {
    let is_key = |line: &str| {
        let name = line.split_once('=').map(|(name, _)| name.trim());
        name.is_some_and(|name| name.strip_prefix(key).is_some_and(is_plain))
    };
    let mut found = None;
    each_line(text, group, |start, line| {
        if is_key(line) {
            found = Some(Line { start, end: start + line.len() });
        }
    });
    found
}

/// Nothing follows the key's name but flags such as `[$e]`.
fn is_plain(flags: &str) -> bool {
    flags.is_empty() || flags.starts_with("[$")
}

/// Returns where the first group of this name ends, before the empty lines that follow it.
fn group_end(text: &str, group: &str) -> Option<usize> {
    let header = format!("[{group}]");
    let mut at = 0;
    let mut end = None;
    for line in text.split_inclusive('\n') {
        let is_header = line.trim_start().starts_with('[');
        if is_header && end.is_some() {
            break;
        }
        if (is_header && line.trim() == header) || (end.is_some() && !line.trim().is_empty()) {
            end = Some(at + line.len());
        }
        at += line.len();
    }
    end
}

/// Calls for each line of the groups of this name.
fn each_line(text: &str, group: &str, mut call: impl FnMut(usize, &str)) {
    let header = format!("[{group}]");
    let (mut at, mut is_in) = (0, false);
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with('[') {
            is_in = line.trim() == header;
        } else if is_in {
            call(at, line);
        }
        at += line.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[$Version]\nupdate=1\n\n[Proxy Settings]\nA=1\nB[$e]=2\n\n[Other]\nA=3\n";

    #[track_caller]
    fn check_set(text: &str, key: &str, value: Option<&str>, expected: &str) {
        assert_eq!(set(text, "Proxy Settings", key, value), expected);
    }

    #[test]
    fn a_key_is_read_in_its_group() {
        assert_eq!(get(TEXT, "Proxy Settings", "A"), Some("1"));
        assert_eq!(get(TEXT, "Proxy Settings", "B"), Some("2"));
        assert_eq!(get(TEXT, "Other", "A"), Some("3"));
        assert_eq!(get(TEXT, "Other", "B"), None);
        assert_eq!(get("[G]\nA=1\n[G]\nA=2", "G", "A"), Some("2"));
    }

    #[test]
    fn a_key_is_changed_added_and_taken_out_alone() {
        check_set(TEXT, "A", Some("9"), &TEXT.replace("A=1", "A=9"));
        check_set(TEXT, "C", Some("9"), &TEXT.replace("=2\n", "=2\nC=9\n"));
        check_set(TEXT, "A", None, &TEXT.replace("A=1\n", ""));
        check_set(TEXT, "C", None, TEXT);
        check_set("", "A", Some("1"), "[Proxy Settings]\nA=1\n");
        check_set("[X]\nY=1", "A", Some("1"), "[X]\nY=1\n\n[Proxy Settings]\nA=1\n");
        check_set("[Proxy Settings]", "A", Some("1"), "[Proxy Settings]\nA=1\n");
    }

    #[test]
    fn an_empty_group_goes_with_its_gap() {
        let with = set(TEXT, "New", "A", Some("1"));
        assert_eq!(without_empty_group(&set(&with, "New", "A", None), "New"), TEXT);
        assert_eq!(without_empty_group(TEXT, "Other"), TEXT);
    }

    #[test]
    fn what_is_locked_is_found() {
        for locked in ["[$i]\n[P]\nA=1\n", "[P][$i]\nA=1\n", "[P]\nA[$i]=1\n", "[P]\nA[$ei]=1\n"] {
            assert_eq!(check(locked, "P", &["A"]), Err(Locked), "{locked}");
        }
        assert_eq!(check("[P]\nA[$e]=1\nB[$i]=1\n[Q][$i]\n", "P", &["A"]), Ok(()));
    }

    proptest::proptest! {
        #[test]
        fn what_is_set_is_got_and_all_else_stays(text in "(\\[[GP]\\]\n|[ABC](\\[\\$e\\])?=[12]\n|\n|# x\n)*", value in "[0-9]{1,3}") {
            let with = set(&text, "P", "A", Some(&value));
            proptest::prop_assert_eq!(get(&with, "P", "A"), Some(&value[..]));
            for (group, key) in [("G", "A"), ("P", "B"), ("G", "C")] {
                proptest::prop_assert_eq!(get(&with, group, key), get(&text, group, key));
            }
            if get(&text, "P", "A").is_none() && text.contains("[P]\n") {
                proptest::prop_assert_eq!(set(&with, "P", "A", None), text);
            }
        }
    }
}
