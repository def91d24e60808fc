//! What is not a spec, where it is not, and how that is shown.

use std::ops::Range;

use insta::assert_snapshot;
use sidestream_spec::{ParseSpecError, Spec};

fn error(text: &str) -> ParseSpecError {
    text.parse::<Spec>().unwrap_err()
}

#[track_caller]
fn check(text: &str, expected: ParseSpecError) {
    assert_eq!(error(text), expected, "{text:?}");
}

#[track_caller]
fn check_span(text: &str, expected: Range<usize>) {
    assert_eq!(error(text).span(), expected, "{text:?}");
}

#[test]
fn a_missing_item_is_where_it_should_begin() {
    check(",", ParseSpecError::Empty { index: 0 });
    check("curl,", ParseSpecError::Empty { index: 5 });
    check(",curl", ParseSpecError::Empty { index: 0 });
    check("curl,,wget", ParseSpecError::Empty { index: 5 });
    check("curl, ,wget", ParseSpecError::Empty { index: 5 });
    check("curl, ", ParseSpecError::Empty { index: 5 });
    check("é,", ParseSpecError::Empty { index: 3 });
}

#[test]
fn an_exclusion_of_nothing_is_at_its_mark() {
    check("!", ParseSpecError::Exclusion { index: 0 });
    check("curl, ! ", ParseSpecError::Exclusion { index: 6 });
    check("!,curl", ParseSpecError::Exclusion { index: 0 });
}

#[test]
fn a_second_exclusion_is_at_its_mark() {
    check("!!curl", ParseSpecError::DoubleExclusion { index: 1 });
    check("! ! curl", ParseSpecError::DoubleExclusion { index: 2 });
    check("!!", ParseSpecError::DoubleExclusion { index: 1 });
}

#[test]
fn a_number_that_is_no_pid_is_refused() {
    check("4294967296", ParseSpecError::Pid { span: 0..10 });
    check("a,!99999999999999999999999", ParseSpecError::Pid { span: 3..26 });
    check("pid:curl", ParseSpecError::Pid { span: 4..8 });
    check("pid:-1", ParseSpecError::Pid { span: 4..6 });
    check("pid:+1", ParseSpecError::Pid { span: 4..6 });
    check("tree:pid:x", ParseSpecError::Pid { span: 9..10 });
    check("tree:4294967296", ParseSpecError::Pid { span: 5..15 });
}

#[test]
fn a_number_that_is_no_port_is_refused() {
    check("port:65536", ParseSpecError::Port { span: 5..10 });
    check("port:http", ParseSpecError::Port { span: 5..9 });
    check("port:80-90", ParseSpecError::Port { span: 5..10 });
}

#[test]
fn a_range_is_refused_at_its_bad_half() {
    check("net:example.com", ParseSpecError::NetAddr { span: 4..15 });
    check("net:10.0.0/8", ParseSpecError::NetAddr { span: 4..10 });
    check("net:[::1]/128", ParseSpecError::NetAddr { span: 4..9 });
    check("net:/8", ParseSpecError::NetAddr { span: 4..4 });
    check("net:10.0.0.0/33", ParseSpecError::NetPrefixLen { span: 13..15, max: 32 });
    check("net:10.0.0.0/", ParseSpecError::NetPrefixLen { span: 13..13, max: 32 });
    check("net:10.0.0.0/+8", ParseSpecError::NetPrefixLen { span: 13..15, max: 32 });
    check("net:10.0.0.0/8/8", ParseSpecError::NetPrefixLen { span: 13..16, max: 32 });
    check("net:::/129", ParseSpecError::NetPrefixLen { span: 7..10, max: 128 });
}

#[test]
fn a_tree_of_what_is_no_process_is_refused() {
    check_span("tree:port:22", 5..12);
    check_span("tree:host:a", 5..11);
    check_span("tree:net:::/0", 5..13);
    check_span("tree:tree:a", 5..11);
    check_span("tree:!a", 5..7);
    check_span("a, !tree: port:22 ", 10..17);
}

#[test]
fn trees_nested_without_end_are_refused() {
    check_span(&"tree:".repeat(200_000), 5..1_000_000);
}

#[test]
fn a_prefix_without_a_value_is_refused() {
    check("pid:", ParseSpecError::Value { prefix: "pid", span: 0..4 });
    check("a,!host: ", ParseSpecError::Value { prefix: "host", span: 3..8 });
    check("tree:", ParseSpecError::Value { prefix: "tree", span: 0..5 });
    check("tree:name:", ParseSpecError::Value { prefix: "name", span: 5..10 });
}

#[test]
fn the_first_error_is_told() {
    check("a,port:x,,", ParseSpecError::Port { span: 7..8 });
}

#[test]
fn every_error_shows_its_place() {
    let texts = [
        "curl,",
        ",",
        "curl, ,wget",
        "curl, !",
        "!!curl",
        "curl, 4294967296",
        "port:http",
        "net:10.0.0/8",
        "net:10.0.0.0/33",
        "net:10.0.0.0/",
        "tree:port:22",
        "curl,user:,wget",
    ];
    let shown: Vec<String> = texts.iter().map(|text| error(text).render(text)).collect();
    assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn the_line_of_the_place_is_shown() {
    let text = "curl,\n  wget,\r\n  prozeß ✓, port:x,\ngit";
    assert_snapshot!(error(text).render(text), @r"
      prozeß ✓, port:x,
                     ^ not a port: write a number from 0 to 65535
    ");
}

#[test]
fn a_long_line_is_cut_around_the_place() {
    let text = format!("{}port:x{}", "curl,".repeat(100), ",wget".repeat(100));
    assert_snapshot!(error(&text).render(&text), @r"
    …url,curl,curl,curl,port:x,wget,wget,wget,wget,wget,wget,wget,wget,wget,w…
                             ^ not a port: write a number from 0 to 65535
    ");
}

#[test]
fn a_long_place_is_cut() {
    let text = format!("curl, {}", "9".repeat(500));
    assert_snapshot!(error(&text).render(&text), @r"
    curl, 999999999999999999999999999999999999999999999999999999999999999999…
          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ not a process id: write a number from 0 to 4294967295
    ");
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let text = "a\u{1b}[31m\tb,port:x";
    assert_snapshot!(error(text).render(text), @r"
    a�[31m b,port:x
                  ^ not a port: write a number from 0 to 65535
    ");
}

#[test]
fn rendering_with_another_text_does_not_panic() {
    let error = error("curl,wget,port:x");
    for text in ["", "é", "ééééééé✓✓", "\n", "a\nb"] {
        assert!(error.render(text).contains('^'), "{text:?}");
    }
}
