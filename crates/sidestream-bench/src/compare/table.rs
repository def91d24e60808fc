//! The report as tables in Markdown.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to the terminal")]

use super::report::{Report, Row, Target};
use super::unit::{Metric, Unit};
use crate::{Source, Spread};

/// Says how far it is.
pub(super) fn progress(round: usize, rounds: usize) {
    eprintln!("round {} of {rounds}", round + 1);
}

/// Prints all.
pub(super) fn print(report: &Report) {
    print!("{}", render(report));
}

fn render(report: &Report) -> String {
    let machine = &report.machine;
    let counted = match report.counted {
        Source::All => "instructions of programs and kernel",
        Source::UserOnly => "instructions of programs alone (the kernel's may not be counted here)",
        Source::CpuOnly => "CPU time alone (no hardware counters here)",
        Source::Ticks => "CPU time alone, in steps of 10 ms (no counters here)",
    };
    let mut text = format!(
        "{} processors {}, {} MB, Linux {}, load {} at the start; {} rounds{}; {counted}\n\n",
        machine.processors,
        machine.processor,
        machine.memory_mb,
        machine.kernel,
        machine.load,
        report.rounds,
        if report.quick { ", quick" } else { "" },
    );
    let (loads, others): (Vec<&Row>, Vec<&Row>) =
        report.rows.iter().partition(|row| row.unit < Unit::Idle);
    if !loads.is_empty() {
        let head = ["a unit", "by", "instructions", "CPU", "a second", "agreed", "target"];
        text += &markdown(&head, &loads.iter().map(|row| load(row)).collect::<Vec<_>>());
        text.push('\n');
    }
    if !others.is_empty() {
        let head = ["what", "by", "median", "least to most", "cost", "target"];
        let cells: Vec<_> = others.iter().flat_map(|row| other(row)).collect();
        text += &markdown(&head, &cells);
        text.push('\n');
    }
    for skipped in &report.skipped {
        text += &format!("skipped {}: {}\n", skipped.setup.name(), skipped.reason);
    }
    for complaint in &report.complaints {
        text += &format!("{complaint}\n");
    }
    text
}

fn load(row: &Row) -> Vec<String> {
    let figure = |metric| row.figures.get(&metric).copied();
    let instructions = figure(Metric::Instructions)
        .map_or_else(dash, |spread| format!("{} ({})", count(spread.median), ends(spread, count)));
    let mut cpu = figure(Metric::CpuUs)
        .map_or_else(dash, |spread| format!("{} ({})", time(spread.median), ends(spread, time)));
    for (metric, whose) in [(Metric::CpuOfRelay, "the relay's"), (Metric::CpuOfBare, "bare TLS's")]
    {
        if let Some(ratio) = figure(metric) {
            cpu += &format!(", {:.2} of {whose}", ratio.median);
        }
    }
    let rate = figure(Metric::PerSecond).map_or_else(dash, |spread| rate(spread.median));
    let not = if row.is_not_http2() { " (not h2)" } else { "" };
    let agreed = format!("{}{not}", row.agreed);
    vec![
        row.unit.words().into(),
        row.setup.name().into(),
        instructions,
        cpu,
        rate,
        agreed,
        row.targets.iter().map(target).collect::<Vec<_>>().join("; "),
    ]
}

fn other(row: &Row) -> Vec<Vec<String>> {
    let shown = [
        (Metric::Kb, "KB", ""),
        (Metric::Mb, "MB", ""),
        (Metric::P50Us, "µs", ", p50"),
        (Metric::P99Us, "µs", ", p99"),
        (Metric::AddedP50Us, "µs", ", p50 added"),
        (Metric::AddedP99Us, "µs", ", p99 added"),
        (Metric::HookNs, "ns", ", connect hooks"),
        (Metric::AllHooksNs, "ns", ", all hooks"),
        (Metric::AddedMs, "ms", ", added"),
        (Metric::Ms, "ms", ""),
    ];
    let figure = |metric, show: fn(f64) -> String| {
        row.figures.get(&metric).map(|spread| show(spread.median))
    };
    let cost = figure(Metric::Instructions, count).or_else(|| figure(Metric::CpuUs, time));
    let cost = cost.unwrap_or_else(dash);
    let line = |(metric, unit, suffix): (Metric, &str, &str)| {
        let spread = row.figures.get(&metric)?;
        let number = |value: f64| match unit {
            "µs" if value < 20.0 => format!("{value:.2}"),
            _ => format!("{value:.1}"),
        };
        let aims = row.targets.iter().find(|target| target.metric == metric);
        Some(vec![
            format!("{}{suffix}", row.unit.words()),
            row.setup.name().to_owned(),
            format!("{} {unit}", number(spread.median)),
            ends(*spread, number),
            cost.clone(),
            aims.map(target).unwrap_or_default(),
        ])
    };
    shown.into_iter().filter_map(line).collect()
}

fn target(target: &Target) -> String {
    let show = |value: f64| match target.metric {
        Metric::Instructions => count(value),
        Metric::CpuUs => time(value),
        Metric::CpuOfBare => format!("{value} of bare TLS's"),
        Metric::TimeOfRelay => format!("{value} of the relay's time"),
        _ if value < 1.0 => format!("{value}"),
        _ => format!("{value:.0}"),
    };
    let at_most = show(target.at_most);
    match target.median {
        None => format!("{at_most}: not judged"),
        Some(median) if median <= target.at_most => format!("{at_most}: met"),
        Some(median) => format!("{at_most}: {:.2} times that", median / target.at_most),
    }
}

fn ends(spread: Spread, show: impl Fn(f64) -> String) -> String {
    format!("{}–{}", show(spread.min), show(spread.max))
}

/// Writes a number of instructions.
fn count(value: f64) -> String {
    match value {
        billions if billions >= 1e9 => format!("{:.2} G", billions / 1e9),
        // A thousand separator after thousands of thousands.
        many if many >= 1e6 => {
            let thousands = (many / 1e3).round();
            format!("{:.0},{:03.0} k", (thousands / 1e3).floor(), thousands % 1e3)
        }
        few => format!("{:.1} k", few / 1e3),
    }
}

/// Writes microseconds.
fn time(value: f64) -> String {
    if value >= 1e5 { format!("{:.2} s", value / 1e6) } else { format!("{value:.0} µs") }
}

fn rate(value: f64) -> String {
    if value < 100.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

fn dash() -> String {
    "–".to_owned()
}

/// Writes a table whose columns stand below each other.
fn markdown(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([head[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded = cells.zip(&widths).map(|(cell, &width)| format!(" {cell:width$} |"));
        format!("|{}\n", padded.collect::<String>())
    };
    let rule: String = widths.iter().map(|width| format!("{}|", "-".repeat(width + 2))).collect();
    let mut text = line(&mut head.iter().copied());
    text += &format!("|{rule}\n");
    for row in rows {
        text += &line(&mut row.iter().map(String::as_str));
    }
    text
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn writes_numbers_as_they_are_read() {
        let all = [949.0, 131_400.0, 6_080_000.0, 2_005_400.0, 7.7e9].map(count).join(" | ");
        assert_snapshot!(all, @"0.9 k | 131.4 k | 6,080 k | 2,005 k | 7.70 G");
        assert_snapshot!([12.3, 1_500.0, 970_000.0].map(time).join(" | "), @"12 µs | 1500 µs | 0.97 s");
        assert_snapshot!([0.371, 18_050.4].map(rate).join(" | "), @"0.37 | 18050");
    }

    #[test]
    fn keeps_columns_below_each_other() {
        let rows = [vec!["GiB".to_owned(), "12 µs".to_owned()], vec!["a".into(), "–".into()]];
        assert_snapshot!(markdown(&["what", "CPU"], &rows), @r"
        | what | CPU   |
        |------|-------|
        | GiB  | 12 µs |
        | a    | –     |
        ");
    }
}
