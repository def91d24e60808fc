//! When there is color.

use std::ffi::OsString;

use sidestream_cli::print::Style;

#[track_caller]
fn check(is_terminal: bool, vars: &[(&str, &str)], colored: bool) {
    let env = |name: &str| {
        let found = vars.iter().find(|(var, _)| *var == name);
        found.map(|(_, value)| OsString::from(value))
    };
    let style = Style::choose(is_terminal, &env);
    assert_eq!(style == Style::COLORED, colored, "{is_terminal} {vars:?}");
}

#[test]
fn color_is_for_terminals_and_for_who_wants_it() {
    check(true, &[], true);
    check(false, &[], false);
    check(true, &[("NO_COLOR", "1")], false);
    check(true, &[("NO_COLOR", "")], true);
    check(true, &[("TERM", "dumb")], false);
    check(false, &[("CLICOLOR_FORCE", "1")], true);
    check(false, &[("CLICOLOR_FORCE", "0")], false);
    check(false, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false);
}
