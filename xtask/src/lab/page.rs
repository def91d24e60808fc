//! The report as one page for a browser, and as JUnit's XML.

use super::report::{Cell, Table};
use super::results::{self, Outcome};

const STYLE: &str = "body{font:14px/1.5 system-ui,sans-serif;margin:2rem;color:#222;background:#fff}\
table{border-collapse:collapse}td,th{padding:.25rem .75rem;border-bottom:1px solid #ddd;text-align:left}\
.failed{background:#fdd}.skipped{color:#888}pre{background:#f6f6f6;padding:1rem;overflow:auto}\
details{margin:.5rem 0}@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}\
td,th{border-color:#333}.failed{background:#522}pre{background:#222}}";

/// The page: the table, then every trial with its transcript.
pub(crate) fn html(table: &Table, results: &[Outcome]) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Sidestream: the lab</title>\
         <style>{STYLE}</style>\n<h1>The lab</h1>\n<p>{}</p>\n<table><tr><th>scenario</th>",
        results::count(results)
    );
    table.grounds.iter().for_each(|ground| out.push_str(&format!("<th>{}</th>", escape(ground))));
    out.push_str("</tr>\n");
    for (scenario, row) in &table.rows {
        out.push_str(&format!("<tr><td>{}</td>", escape(scenario)));
        for ground in &table.grounds {
            let cell = row.get(ground);
            let words = cell.map_or_else(|| "–".to_owned(), Cell::words);
            let class = cell.map_or("", class);
            out.push_str(&format!("<td class=\"{class}\">{}</td>", escape(&words)));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table>\n<h2>Trials</h2>\n");
    for result in results {
        let open = if result.verdict == "failed" { " open" } else { "" };
        let shown = if result.words.is_empty() { &result.transcript } else { &result.words };
        out.push_str(&format!(
            "<details{open}><summary class=\"{}\">{} · {} · {:.1} s</summary><pre>{}</pre></details>\n",
            result.verdict,
            escape(&result.trial),
            result.verdict,
            result.seconds,
            escape(shown)
        ));
    }
    out
}

fn class(cell: &Cell) -> &'static str {
    let is = |verdict: &str| cell.trials.iter().any(|trial| trial.verdict == verdict);
    if is("failed") {
        "failed"
    } else if is("passed") {
        ""
    } else {
        "skipped"
    }
}

/// JUnit's XML: a suite for each ground, a reason for each skip.
pub(crate) fn junit(results: &[Outcome]) -> String {
    let counts = results::count(results);
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"lab\" tests=\"{}\" \
         failures=\"{}\" skipped=\"{}\" errors=\"0\">\n",
        results.len(),
        counts.failed,
        counts.skipped
    );
    let mut grounds: Vec<&str> = results.iter().map(|result| result.parts()[0]).collect();
    grounds.dedup();
    for ground in grounds {
        let of_ground: Vec<_> =
            results.iter().filter(|result| result.parts()[0] == ground).cloned().collect();
        let counts = results::count(&of_ground);
        out.push_str(&format!(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" errors=\"0\">\n",
            escape(ground),
            of_ground.len(),
            counts.failed,
            counts.skipped
        ));
        of_ground.iter().for_each(|result| out.push_str(&case(result)));
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn case(result: &Outcome) -> String {
    let [ground, scenario, driver, family] = result.parts();
    let words = escape(&result.words);
    let inside = match result.verdict.as_str() {
        "failed" => format!("<failure message=\"failed\">{words}</failure>"),
        "skipped" => format!("<skipped message=\"{words}\"/>"),
        _ => String::new(),
    };
    format!(
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\">{inside}</testcase>\n",
        escape(ground),
        escape(&format!("{scenario}::{driver}::{family}")),
        result.seconds
    )
}

/// Writes text into HTML or XML; what XML cannot hold becomes a question mark.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(char),
            char if char.is_control() => out.push('?'),
            char => out.push(char),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skip_has_its_reason() {
        let mut skipped = Outcome::unheard("net::http1/get::local::v4");
        skipped.verdict = "skipped".into();
        skipped.words = "no \"BTF\" & <root>\u{1b}".into();
        let xml = junit(&[skipped]);
        assert!(
            xml.contains("<skipped message=\"no &quot;BTF&quot; &amp; &lt;root&gt;?\"/>"),
            "{xml}"
        );
        assert!(xml.contains("tests=\"1\" failures=\"0\" skipped=\"1\""), "{xml}");
    }
}
