//! The filter language, as far as rules have it.

use sidestream_rules::{Facts, Filter, Sender};

use crate::{request, response};

const URL: &str = "http://user@a.test:8080/page?q=1";

#[test]
fn filters_match_what_they_say() {
    let (request, response) = (request(), response());
    let check = |text: &str, before: bool, after: bool| {
        let filter = Filter::parse(text).unwrap();
        let facts = Facts { url: URL, request: &request, response: None, message: None };
        assert_eq!(filter.matches(&facts), before, "{text}");
        let facts = Facts { response: Some(&response), ..facts };
        assert_eq!(filter.matches(&facts), after, "{text}, with a response");
    };
    check("~all", true, true);
    check("~http", true, true);
    check("~q", true, false);
    check("~websocket", false, false);
    check("!~websocket", true, true);
    check("~s", false, true);
    check("~m POST", true, true);
    check("~m post", true, true);
    check("~m ^GET$", false, false);
    check("~d a.test", true, true);
    check("~d ^a\\.test$", true, true);
    check("~d user", false, false);
    check("~u PAGE", true, true);
    check("page", true, true);
    check("~c 404", false, true);
    check("~c 200", false, false);
    check("~t text/html", false, true);
    check("~tq html", false, false);
    check("~tq plain", true, true);
    check("~ts html", false, true);
    check("~h 'x-one: 1'", true, true);
    check("~hq \"server: s\"", false, false);
    check("~hs server", false, true);
    check("!~q", false, true);
    check("!!~q", true, false);
    check("~q & ~m POST", true, false);
    check("~q ~m GET", false, false);
    check("~s | ~m POST", true, true);
    check("~q & ~m GET | ~s", false, true);
    check("~q & (~m GET | ~m POST)", true, false);
    check("!(~q | ~s)", false, false);
}

#[test]
fn messages_of_websockets_are_told_by_their_sender() {
    let (request, response) = (request(), response());
    let check = |text: &str, from_client: bool, from_server: bool| {
        let filter = Filter::parse(text).unwrap();
        let facts = Facts { url: URL, request: &request, response: Some(&response), message: None };
        let from = |sender| filter.matches(&Facts { message: Some(sender), ..facts });
        assert_eq!(from(Sender::Client), from_client, "{text}");
        assert_eq!(from(Sender::Server), from_server, "{text}");
    };
    check("~websocket", true, true);
    check("!~websocket", false, false);
    check("~websocket & ~q", true, false);
    check("~websocket ~s", false, true);
    check("~websocket & ~u page", true, true);
    check("~websocket & ~d other", false, false);
}

#[test]
fn what_is_no_filter_is_told_with_its_place() {
    let check = |text: &str, at: usize, what: &str| {
        let error = Filter::parse(text).unwrap_err();
        assert_eq!(error.at, at, "{error}");
        assert!(error.what.contains(what), "{error}");
    };
    check("~bq x", 0, "~bq is not known to rules");
    check("~q & ~x", 5, "~x is not known");
    check("~m", 2, "a word is expected");
    check("~c many", 3, "a status code");
    check("(~q", 0, "not closed");
    check("~q)", 2, "not opened");
    check("~q |", 4, "a filter is expected");
    check("~m 'GET", 3, "a quote that is not closed");
    check("~u [", 3, "not a regular expression");
    check(&"(".repeat(10_000), 64, "nested too deep");
    check(&"!".repeat(10_000), 64, "nested too deep");
}
