//! What rules do.

use std::path::PathBuf;

use sidestream_rules::{Facts, ParseRuleError, Reach, Rules, Sender, content_type};

use crate::{fields, request, response};

fn made(add: impl FnOnce(&mut Rules) -> Result<(), ParseRuleError>) -> Rules {
    let mut rules = Rules::default();
    add(&mut rules).unwrap();
    rules
}

#[test]
fn requests_go_to_other_urls() {
    let check = |rule: &str, url: &str, expected: Option<&str>| {
        let rules = made(|rules| rules.map_remote(rule));
        let request = request();
        let facts = Facts { url, request: &request, response: None, message: None };
        let moved = rules.remote(&facts).map(|(url, _)| url);
        assert_eq!(moved.as_deref(), expected, "{rule}");
        let reach = if expected.is_some() { Reach::Head } else { Reach::Nothing };
        assert_eq!(rules.reach(&facts), reach, "{rule}");
    };
    check("|a.test|b.test", "http://a.test/x", Some("http://b.test/x"));
    check("|~m GET|a.test|b.test", "http://a.test/x", None);
    check("|~m POST|a.test|b.test", "http://a.test/x", Some("http://b.test/x"));
    check("@a.test@b|c", "http://a.test/", Some("http://b|c/"));
    check("||a.test|b.test|c", "http://a.test/", Some("http://b.test|c/"));
    check("|//(\\w+)\\.test/|//\\1.example/", "http://a.test/x", Some("http://a.example/x"));
    check("|(?P<n>x+)|[\\g<n>]", "http://a/xx", Some("http://a/[xx]"));
    check("|elsewhere|b", "http://a.test/", None);
    check("|$|?more", "http://a.test/", Some("http://a.test/?more"));
}

#[test]
fn later_rules_see_what_earlier_ones_made() {
    let mut rules = made(|rules| rules.map_remote("|a.test|b.test"));
    rules.map_remote("|~d b.test|http:|https:").unwrap();
    let request = request();
    let facts = Facts { url: "http://a.test/", request: &request, response: None, message: None };
    let (url, by) = rules.remote(&facts).unwrap();
    assert_eq!((&*url, by), ("https://b.test/", "map-remote |~d b.test|http:|https:"));
}

#[test]
fn requests_are_blocked() {
    let request = request();
    let facts = Facts { url: "http://a.test/", request: &request, response: None, message: None };
    let blocks = |rule| made(|rules| rules.block(rule)).blocked(&facts).map(|it| it.status);
    assert_eq!(blocks("/~m POST/418"), Some(418));
    assert_eq!(blocks(":~d a.test:444"), Some(444));
    assert_eq!(blocks("/~m GET/403"), None);
    assert_eq!(blocks("//204"), Some(204));
}

#[test]
fn files_stay_below_their_directory() {
    let check = |rule: &str, url: &str, expected: &[&str]| {
        let rules = made(|rules| rules.map_local(rule));
        let rule = rules.locals().next().unwrap();
        let expected: Vec<PathBuf> = expected.iter().map(PathBuf::from).collect();
        assert_eq!(rule.candidates(url), expected, "{url}");
    };
    let rule = "|a.test/static|/srv";
    check(rule, "http://a.test/static", &["index.html"]);
    check(rule, "http://a.test/static/?q", &["index.html"]);
    check(rule, "http://a.test/static/x.css?q", &["x.css", "x.css/index.html"]);
    check(rule, "http://a.test/static/a%20b", &["a b", "a b/index.html", "a_b", "a_b/index.html"]);
    check("|a.test/(.*)\\.php|/srv", "http://a.test/x/y.php?z", &["x/y", "x/y/index.html"]);
    for up in ["../etc/passwd", "%2e%2e/etc/passwd", "x/../../etc", "x/%2E%2E/%2e%2e/y"] {
        check(rule, &format!("http://a.test/static/{up}"), &[]);
    }
    let escaped = [".._/etc", ".._/etc/index.html"];
    check(rule, "http://a.test/static/..%20/etc", &escaped);
    // Where an escaped name is another one, that one is looked for.
    let ups = ["..%5cetc", "c:%5cx", "%00"];
    for up in ups {
        let rules = made(|rules| rules.map_local(rule));
        for path in rules.locals().next().unwrap().candidates(&format!("http://a.test/static/{up}"))
        {
            let text = path.to_str().unwrap();
            assert!(!text.contains(['\\', ':', '\0']), "{text}");
        }
    }
}

#[test]
fn fields_are_set_where_they_stand_added_and_removed() {
    let check = |rule: &str, expected: &[(&'static str, &'static str)]| {
        let rules = made(|rules| rules.modify_headers(rule));
        let request = request();
        let facts =
            Facts { url: "http://a.test/", request: &request, response: None, message: None };
        let mut changed = fields(&[("A", "1"), ("x-one", "1"), ("B", "2"), ("X-One", "3")]);
        for rule in rules.headers(&facts) {
            rule.apply(&mut changed, None);
        }
        assert_eq!(changed, fields(expected), "{rule}");
    };
    check("/X-One/new", &[("A", "1"), ("x-one", "new"), ("B", "2")]);
    check("/X-One/", &[("A", "1"), ("B", "2")]);
    check("/~q/C/a\\tb", &[("A", "1"), ("x-one", "1"), ("B", "2"), ("X-One", "3"), ("C", "a\tb")]);
    check("/~s/A/", &[("A", "1"), ("x-one", "1"), ("B", "2"), ("X-One", "3")]);
}

#[test]
fn bodies_are_replaced_in() {
    let check = |rule: &str, body: &str, expected: Option<&str>| {
        let rules = made(|rules| rules.modify_body(rule));
        let (request, response) = (request(), response());
        let facts = Facts {
            url: "http://a.test/",
            request: &request,
            response: Some(&response),
            message: None,
        };
        assert_eq!(rules.reach(&facts), Reach::Body);
        let rule = rules.bodies(&facts).next().unwrap();
        let changed = rule.apply(body.as_bytes(), Some(b"file $1"));
        assert_eq!(changed.as_deref(), expected.map(str::as_bytes), "{body}");
    };
    check("/foo/bar", "a foo, a foo", Some("a bar, a bar"));
    check("/foo/bar", "nothing", None);
    check("/~s/(f)(o+)/\\2\\1$1", "foo", Some("oof$1"));
    check("/a.b/x", "a\nb", Some("x"));
    check("/foo/@there", "a foo", Some("a file $1"));
    check("/^/x\\\\\\x41\\n", "a", Some("x\\A\na"));
}

#[test]
fn what_is_no_rule_is_told_with_its_place() {
    let check = |error: Result<(), ParseRuleError>, expected: &str| {
        assert_eq!(error.unwrap_err().to_string(), expected);
    };
    let mut rules = Rules::default();
    check(
        rules.map_remote("|only"),
        "two or three parts are expected, each after the first character, at character 6 of \"|only\"",
    );
    check(
        rules.map_remote(""),
        "a rule is not empty: begin with a separator, at character 1 of \"\"",
    );
    check(rules.map_local("|x|"), "a file or directory is expected, at character 4 of \"|x|\"");
    check(
        rules.modify_headers("/a b/c"),
        "not the name of a header field, at character 2 of \"/a b/c\"",
    );
    check(
        rules.modify_headers("/X/a\\nb"),
        "a header field has no line breaks, at character 4 of \"/X/a\\\\nb\"",
    );
    check(
        rules.modify_headers("/Content-Length/1"),
        "the length of a message is always that which it has: leave this out, at character 2 of \
         \"/Content-Length/1\"",
    );
    check(
        rules.block("/~q/99"),
        "a status from 200 to 599 is expected, 444 to hang up, at character 5 of \"/~q/99\"",
    );
    check(rules.map_remote("é~mé[éx"), "a word is expected here, at character 4 of \"é~mé[éx\"");
    assert!(rules.is_empty());
}

#[test]
fn files_have_media_types() {
    assert_eq!(content_type("a/b.HTML".as_ref()), Some("text/html"));
    assert_eq!(content_type("a/b".as_ref()), None);
}

#[test]
fn messages_of_websockets_are_changed_where_the_filter_says_so() {
    let (request, response) = (request(), response());
    let mut rules = Rules::default();
    rules.modify_body("|a|b").unwrap();
    rules.modify_body("|~websocket & ~q|a|c").unwrap();
    let url = "http://a.test/page";
    let http = Facts { url, request: &request, response: Some(&response), message: None };
    let texts =
        |facts: &Facts<'_>| rules.messages(facts).map(|rule| rule.text.clone()).collect::<Vec<_>>();
    assert_eq!(texts(&http), [""; 0]);
    let client = Facts { message: Some(Sender::Client), ..http };
    assert_eq!(texts(&client), ["modify-body |~websocket & ~q|a|c"]);
    assert_eq!(texts(&Facts { message: Some(Sender::Server), ..http }), [""; 0]);
    assert_eq!(rules.bodies(&http).count(), 1);
}

#[test]
fn only_bodies_can_be_those_of_websockets() {
    type Add = fn(&mut Rules, &str) -> Result<(), ParseRuleError>;
    let adds: [(Add, &str); 4] = [
        (Rules::block, "|!~websocket|404"),
        (Rules::map_local, "|~websocket|a|/tmp"),
        (Rules::map_remote, "|~q ~websocket|a|b"),
        (Rules::modify_headers, "|~websocket|a|b"),
    ];
    for (add, text) in adds {
        let error = add(&mut Rules::default(), text).unwrap_err();
        assert_eq!(error.at, 1, "{error}");
        assert!(error.what.contains("modify-body alone"), "{error}");
    }
}
