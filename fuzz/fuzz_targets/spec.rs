//! Feeds any text to the spec parser; what parses must print, settle and explain consistently.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sidestream_spec::{Facts, ProcessFacts, Spec, Verdict};

fuzz_target!(|text: &str| {
    let spec: Spec = match text.parse() {
        Ok(spec) => spec,
        Err(error) => {
            assert!(text.get(error.span()).is_some(), "the place lies in the text");
            assert!(error.render(text).contains('^'));
            return;
        }
    };
    assert_eq!(spec.to_string(), text);

    let process = ProcessFacts { pid: 42.into(), unit: "a.service".into(), ..ProcessFacts::ABSENT };
    let process = process.with_path("/usr/bin/curl");
    let some = Facts { process, host: "www.example.com".into(), ..Facts::default() };
    let all = Facts { process, host: "www.example.com".into(), ..Facts::ABSENT };
    assert!(!matches!(spec.decide(&all), Verdict::Needs(_)), "nothing is left to ask");

    let residual = spec.residual(&some);
    assert_eq!(residual.decide(&some), spec.decide(&some));
    assert_eq!(residual.decide(&all), spec.decide(&all));
    assert_eq!(residual.to_string().parse().as_ref(), Ok(&residual));

    let explanation = spec.explain(&some);
    assert_eq!(explanation.verdict, spec.decide(&some));
    assert!(explanation.to_string().ends_with('\n'));
});
