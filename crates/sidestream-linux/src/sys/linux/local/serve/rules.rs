//! What is left of a spec for the destination, as rules for the kernel.

use std::collections::HashMap;

use sidestream_bpf::{MAX_RULE_SETS, MAX_RULES, Rule, RuleKind, Rules};
use sidestream_spec::{Matcher, Spec, Verdict};

/// Half of the sets that the kernel has: one half is in force while the other is written.
const MAX_SETS: u16 = MAX_RULE_SETS / 2;

/// The most rests that are remembered as not fit for the kernel.
const MAX_REFUSED: usize = 1024;

/// The sets of rules of one epoch, one for each different rest of the spec.
#[derive(Debug)]
pub(crate) struct RuleSets {
    next: u16,
    last: u16,
    by_text: HashMap<Box<str>, Option<u16>>,
}

/// Where the rules of a rest of the spec stand.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Placed {
    /// In this set, where they have to be written first.
    New(u16, Rules),
    /// In this set.
    Known(u16),
    /// Nowhere: there are too many, or too many sets.
    Refused,
}

impl RuleSets {
    /// Makes the sets of an epoch, which are others than those of the epochs beside it.
    pub(crate) fn new(epoch: u32) -> Self {
        let next = if epoch.is_multiple_of(2) { 0 } else { MAX_SETS };
        Self { next, last: next + MAX_SETS - 1, by_text: HashMap::new() }
    }

    /// Finds the set for what is left of a spec.
    pub(crate) fn place(&mut self, residual: &Spec) -> Placed {
        match self.by_text.get(residual.as_str()) {
            Some(Some(index)) => return Placed::Known(*index),
            Some(None) => return Placed::Refused,
            None => {}
        }
        let text = residual.as_str().into();
        match compile(residual).filter(|_| self.next <= self.last) {
            Some(rules) => {
                let index = self.next;
                self.next += 1;
                self.by_text.insert(text, Some(index));
                Placed::New(index, rules)
            }
            None => {
                self.refuse(residual);
                Placed::Refused
            }
        }
    }

    /// Notes that the kernel does not take these rules.
    pub(crate) fn refuse(&mut self, residual: &Spec) {
        if self.by_text.len() < MAX_REFUSED {
            self.by_text.insert(residual.as_str().into(), None);
        }
    }
}

/// Writes a spec on destinations as rules; `None` if it has too many items or asks for more.
fn compile(residual: &Spec) -> Option<Rules> {
    let rule = |item: &sidestream_spec::Item| {
        let kind = match item.matcher() {
            Matcher::Host(_) => RuleKind::Host,
            Matcher::Net(net) => RuleKind::Net { addr: net.addr(), prefix_len: net.prefix_len() },
            Matcher::Port(port) => RuleKind::Port(*port),
            Matcher::Process(_) | Matcher::Tree(_) => return None,
        };
        Some(Rule { exclude: item.excludes(), kind })
    };
    if residual.items().len() > MAX_RULES {
        return None;
    }
    let rules = residual.items().map(rule).collect::<Option<_>>()?;
    Some(Rules { default: residual.default_verdict() == Verdict::Intercept, rules })
}

#[cfg(test)]
mod tests {
    use sidestream_bpf::{Rule, RuleKind, Rules};

    use super::{MAX_SETS, Placed, RuleSets, compile};

    #[track_caller]
    fn check(residual: &str, expected: Option<Rules>) {
        assert_eq!(compile(&residual.parse().unwrap()), expected, "{residual}");
    }

    #[test]
    fn items_become_rules_in_their_order() {
        let net = RuleKind::Net { addr: [10, 0, 0, 0].into(), prefix_len: 8 };
        let rules = vec![
            Rule { exclude: true, kind: RuleKind::Port(22) },
            Rule { exclude: false, kind: RuleKind::Host },
            Rule { exclude: true, kind: net },
        ];
        check("!port:22,host:a,!net:10.0.0.0/8", Some(Rules { default: true, rules }));
        let rules = vec![Rule { exclude: false, kind: RuleKind::Port(80) }];
        check("port:80", Some(Rules { default: false, rules }));
    }

    #[test]
    fn what_the_kernel_cannot_hold_is_refused() {
        let ports = |count| (1..=count).map(|port| format!("port:{port}")).collect::<Vec<_>>();
        check(&ports(33).join(","), None);
        assert!(compile(&ports(32).join(",").parse().unwrap()).is_some());
        check("port:80,curl", None);
    }

    #[test]
    fn equal_rests_share_a_set() {
        let mut sets = RuleSets::new(3);
        let spec = "port:80".parse().unwrap();
        assert!(matches!(sets.place(&spec), Placed::New(MAX_SETS, _)));
        assert_eq!(sets.place(&spec), Placed::Known(MAX_SETS));
    }

    #[test]
    fn sets_that_are_used_up_are_refused() {
        let mut sets = RuleSets::new(0);
        for port in 1..=MAX_SETS {
            let spec = format!("port:{port}").parse().unwrap();
            assert!(matches!(sets.place(&spec), Placed::New(index, _) if index == port - 1));
        }
        assert_eq!(sets.place(&"port:9999".parse().unwrap()), Placed::Refused);
        assert_eq!(sets.place(&"port:1".parse().unwrap()), Placed::Known(0));
    }
}
