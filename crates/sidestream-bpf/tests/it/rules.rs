//! Rules on destinations that the kernel evaluates.

use std::io;

use sidestream_bpf::{MAX_RULE_SETS, MAX_RULES, Rule, RuleKind, Rules, Verdict, Verdicts};

use crate::client::Client;
use crate::ground::{Ground, on_ground};

fn net(text: &str) -> RuleKind {
    let (addr, prefix_len) = text.split_once('/').unwrap();
    RuleKind::Net { addr: addr.parse().unwrap(), prefix_len: prefix_len.parse().unwrap() }
}

const fn include(kind: RuleKind) -> Rule {
    Rule { exclude: false, kind }
}

const fn exclude(kind: RuleKind) -> Rule {
    Rule { exclude: true, kind }
}

/// Says whether a connection to `host` and `port` is diverted under these rules.
fn is_diverted(ground: &Ground, client: &mut Client, host: &str, port: u16) -> bool {
    let before = ground.hooks.counters();
    client.run(&format!("socket.create_connection(('{host}', {port}), 5)"));
    let after = ground.hooks.counters();
    after.captured_tcp > before.captured_tcp
}

#[test]
fn lets_the_last_rule_that_matches_decide() {
    on_ground("lets_the_last_rule_that_matches_decide", |ground| {
        let mut client =
            ground.client_with(Verdicts { own: Verdict::Rules(7), ..Verdicts::default() });
        let mut check = |default, rules: &[Rule], expected: [bool; 4]| {
            let set = Rules { default, rules: rules.to_vec() };
            ground.hooks.set_rules(7, &set).unwrap();
            let found =
                [("192.0.2.7", 80), ("192.0.2.7", 443), ("198.18.0.1", 80), ("2001:db8::7", 80)]
                    .map(|(host, port)| is_diverted(ground, &mut client, host, port));
            assert_eq!(found, expected, "{set:?}");
        };
        check(false, &[], [false; 4]);
        check(true, &[], [true; 4]);
        check(false, &[include(RuleKind::Port(443))], [false, true, false, false]);
        check(true, &[exclude(RuleKind::Port(443))], [true, false, true, true]);
        check(false, &[include(net("192.0.2.0/24"))], [true, true, false, false]);
        check(false, &[include(net("0.0.0.0/0"))], [true, true, true, false]);
        check(false, &[include(net("::/0"))], [false, false, false, true]);
        check(false, &[include(net("2001:db8::/64"))], [false, false, false, true]);
        let both = [include(net("192.0.2.0/24")), exclude(RuleKind::Port(443))];
        check(false, &both, [true, false, false, false]);
        // Whether a host matches is not known yet: only what could be intercepted is diverted.
        check(false, &[include(RuleKind::Host)], [true; 4]);
        check(
            false,
            &[include(RuleKind::Host), exclude(RuleKind::Port(443))],
            [true, false, true, true],
        );
        check(true, &[exclude(RuleKind::Host)], [true; 4]);
        check(false, &[exclude(RuleKind::Host)], [false; 4]);
    });
}

#[test]
fn refuses_rules_that_do_not_fit() {
    on_ground("refuses_rules_that_do_not_fit", |ground| {
        let many = |count| Rules { default: false, rules: vec![include(RuleKind::Host); count] };
        let kind = |result: io::Result<()>| result.map_err(|error| error.kind());
        let hooks = &ground.hooks;
        assert_eq!(kind(hooks.set_rules(MAX_RULE_SETS - 1, &many(MAX_RULES))), Ok(()));
        let refused = Err(io::ErrorKind::InvalidInput);
        assert_eq!(kind(hooks.set_rules(0, &many(MAX_RULES + 1))), refused);
        assert_eq!(kind(hooks.set_rules(MAX_RULE_SETS, &many(0))), refused);
        let long = Rules { default: false, rules: vec![include(net("192.0.2.0/33"))] };
        assert_eq!(kind(hooks.set_rules(0, &long)), refused);
    });
}
