//! The one list of what snapshots must not show.

use std::sync::LazyLock;

/// Gives the insta filters for what varies from run to run: temporary paths, pids, versions.
///
/// Pattern and replacement, in order, for `insta::with_settings!({filters =>
/// sidestream_testkit::filters()}, { … })`. What can be made fixed before it
/// is printed is made fixed; this list is for the rest.
pub fn filters() -> Vec<(&'static str, &'static str)> {
    static TEMP: LazyLock<String> = LazyLock::new(|| {
        let folder = std::env::temp_dir().to_string_lossy().into_owned();
        format!("{}{PATH_TAIL}", literal(folder.trim_end_matches('/')))
    });
    vec![
        (TEMP.as_str(), "[TEMP]"),
        (concat!("/tmp", r#"/[^\s"',;:)\]]+"#), "[TEMP]"),
        (r"\b(pid[ =:]|pid: )\d+", "${1}[PID]"),
        (r#"("pid": ?)\d+"#, "${1}[PID]"),
        (r"\b(sidestream(?:-[a-z]+)*[ /]v?)\d+\.\d+\.\d+(?:-[0-9A-Za-z.]+)?", "${1}[VERSION]"),
    ]
}

/// What may follow a temporary folder's own path within one word.
const PATH_TAIL: &str = r#"/[^\s"',;:)\]]+"#;

/// Writes `text` as a pattern that matches just itself.
fn literal(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for character in text.chars() {
        if !character.is_alphanumeric() && character.is_ascii() {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_what_varies() {
        let file = std::env::temp_dir().join("abc.x1/session");
        let text = format!(
            "sidestream 0.1.0 wrote {}: pid 4711, pid:12, \"pid\":7, /tmp/xyz/ca.pem) rapid 3",
            file.display()
        );
        insta::with_settings!({filters => filters()}, {
            insta::assert_snapshot!(text, @r#"sidestream [VERSION] wrote [TEMP]: pid [PID], pid:[PID], "pid":[PID], [TEMP]) rapid 3"#);
        });
    }
}
