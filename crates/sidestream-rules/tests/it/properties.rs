//! Whatever is written as a rule is one or is not, and no more.

use std::path::Component;

use proptest::prelude::*;
use sidestream_rules::{Facts, Filter, Rules};

use crate::{request, response};

proptest! {
    #[test]
    fn no_text_is_too_odd_to_be_read(text in "[|/~@!&() a-zα0-9'\"\\\\.*\\[\\]]{0,40}") {
        let mut rules = Rules::default();
        let all = [
            rules.block(&text), rules.map_local(&text), rules.map_remote(&text),
            rules.modify_body(&text), rules.modify_headers(&text),
        ];
        for error in all.into_iter().filter_map(Result::err) {
            prop_assert!(error.at <= text.len() && text.is_char_boundary(error.at), "{}", error);
        }
        let (request, response) = (request(), response());
        let facts = Facts { url: &text, request: &request, response: Some(&response), message: None };
        rules.reach(&facts);
        rules.remote(&facts);
        for rule in rules.locals() {
            for path in rule.candidates(&text) {
                let leads_down = |part: Component<'_>| match part {
                    Component::Normal(name) => name.to_string_lossy().chars().any(|it| it != '.'),
                    _ => false,
                };
                prop_assert!(path.components().all(leads_down), "{}", path.display());
            }
        }
    }

    #[test]
    fn no_filter_is_too_odd_to_be_read(text in "(~[a-z]{1,2}|[!&|() ]|[a-z]{1,3}|'|\"){0,20}") {
        if let Err(error) = Filter::parse(&text) {
            prop_assert!(error.at <= text.len() && text.is_char_boundary(error.at), "{}", error);
        }
    }
}
