//! What holds for every spec and every set of facts.

use std::net::SocketAddr;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use sidestream_spec::{
    Container, Fact, Facts, Field, Fields, Item, ProcessFacts, Spec, Truth, User, Verdict,
};

const ITEMS: [&str; 20] = [
    "a",
    "b",
    "1",
    "0",
    "pid:2",
    "name:a*",
    "path:/?/b",
    "user:a",
    "user:1",
    "cgroup:*a",
    "unit:a",
    "container:a",
    "tree:a",
    "tree:1",
    "tree:0",
    "tree:user:a",
    "port:1",
    "host:a*",
    "net:10.0.0.0/8",
    "net:::/0",
];

fn spec_text() -> impl Strategy<Value = String> {
    let item = (any::<bool>(), select(&ITEMS[..]), select(&["", " "][..]));
    let item = item.prop_map(|(excludes, item, space)| {
        format!("{space}{}{item}{space}", if excludes { "!" } else { "" })
    });
    vec(item, 0..7).prop_map(|items| items.join(","))
}

fn spec() -> impl Strategy<Value = Spec> {
    spec_text().prop_map(|text| text.parse().unwrap())
}

/// A fact about which everything is known: it is there, or it is not.
fn settled<T: Clone + std::fmt::Debug + 'static>(pool: &'static [T]) -> BoxedStrategy<Fact<T>> {
    prop_oneof![Just(Fact::Absent), select(pool).prop_map(Fact::Known)].boxed()
}

fn settled_process() -> impl Strategy<Value = ProcessFacts<'static>> {
    const USERS: [User<'_>; 2] =
        [User { uid: Some(1), name: None }, User { uid: None, name: Some("a") }];
    const CONTAINERS: [Container<'_>; 2] = [
        Container { id: "a", name: None, image: None },
        Container { id: "b", name: Some("b"), image: Some("a") },
    ];
    (
        settled(&[1, 2]),
        settled(&["a", "b"]),
        settled(&["/a/b", "/c"]),
        settled(&USERS),
        settled(&["/a", "/b"]),
        settled(&["a.service", "b"]),
        settled(&CONTAINERS),
    )
        .prop_map(|(pid, name, path, user, cgroup, unit, container)| {
            let (name, path, cgroup) = (os(name), os(path), os(cgroup));
            ProcessFacts { pid, name, path, user, cgroup, unit, container }
        })
}

fn os(fact: Fact<&str>) -> Fact<&std::ffi::OsStr> {
    match fact {
        Fact::Absent => Fact::Absent,
        Fact::Known(text) => text.into(),
        Fact::Unknown => Fact::Unknown,
    }
}

/// Everything about a flow; parts of it can be hidden.
#[derive(Clone, Debug)]
struct World {
    process: ProcessFacts<'static>,
    ancestors: Option<Vec<ProcessFacts<'static>>>,
    destination: Fact<SocketAddr>,
    host: Fact<&'static str>,
}

fn world() -> impl Strategy<Value = World> {
    let addrs = ["10.0.0.1:1", "192.0.2.1:2", "[::ffff:10.0.0.1]:1", "[2001:db8::1]:2"];
    let addr = select(addrs.map(|addr| addr.parse::<SocketAddr>().unwrap()).to_vec());
    let destination = prop_oneof![Just(Fact::Absent), addr.prop_map(Fact::Known)];
    let ancestors = proptest::option::of(vec(settled_process(), 0..3));
    (settled_process(), ancestors, destination, settled(&["a.test", "b.test"])).prop_map(
        |(process, ancestors, destination, host)| World { process, ancestors, destination, host },
    )
}

/// A part of a world: one bit for each fact that shows.
type Shown = u64;

/// Hides all facts whose bit is not set.
struct Seen {
    facts: Facts<'static>,
    ancestors: Option<Vec<ProcessFacts<'static>>>,
}

impl World {
    fn see(&self, shown: Shown) -> Seen {
        let mut bits = (0..).map(|bit| shown >> (bit % 64) & 1 == 1);
        let mut show = || bits.next().unwrap();
        let process = see_process(self.process, &mut show);
        let destination = see(self.destination, &mut show);
        let host = see(self.host, &mut show);
        let shows_ancestors = show();
        let see_each = |all: &Vec<_>| all.iter().map(|&one| see_process(one, &mut show)).collect();
        let ancestors = self.ancestors.as_ref().filter(|_| shows_ancestors).map(see_each);
        let none = if shows_ancestors { Fact::Absent } else { Fact::Unknown };
        Seen { facts: Facts { process, ancestors: none, destination, host }, ancestors }
    }

    fn see_all(&self) -> Seen {
        self.see(Shown::MAX)
    }
}

impl Seen {
    fn facts(&self) -> Facts<'_> {
        match &self.ancestors {
            None => self.facts,
            Some(ancestors) => Facts { ancestors: ancestors.as_slice().into(), ..self.facts },
        }
    }
}

fn see<T>(fact: Fact<T>, show: &mut impl FnMut() -> bool) -> Fact<T> {
    if show() { fact } else { Fact::Unknown }
}

fn see_process<'a>(process: ProcessFacts<'a>, show: &mut impl FnMut() -> bool) -> ProcessFacts<'a> {
    ProcessFacts {
        pid: see(process.pid, show),
        name: see(process.name, show),
        path: see(process.path, show),
        user: see(process.user, show),
        cgroup: see(process.cgroup, show),
        unit: see(process.unit, show),
        container: see(process.container, show),
    }
}

/// The meaning of a spec, word by word: includes OR, exclusions AND NOT.
fn intercepts(items: &[(bool, bool)]) -> bool {
    let first_excludes = items.first().is_some_and(|&(excludes, _)| excludes);
    items.iter().fold(
        first_excludes,
        |so_far, &(excludes, matches)| {
            if excludes { so_far && !matches } else { so_far || matches }
        },
    )
}

/// What Kleene's logic says: try both values of every open item.
fn verdict_by_trial(items: &[(&Item, Truth)]) -> Verdict {
    let open: Vec<usize> = (0..items.len()).filter(|&n| items[n].1.is_unknown()).collect();
    let try_values = |values: u32| {
        let tried = items.iter().enumerate().map(|(n, (item, truth))| {
            let guess = open.iter().position(|&m| m == n).is_some_and(|bit| values >> bit & 1 == 1);
            (item.excludes(), guess || *truth == Truth::True)
        });
        intercepts(&tried.collect::<Vec<_>>())
    };
    let trials = 0..1_u32 << open.len();
    let mut needs = Fields::NONE;
    for (bit, &n) in open.iter().enumerate() {
        let turns = |values: u32| try_values(values) != try_values(values ^ 1 << bit);
        if let (Truth::Unknown(fields), true) = (items[n].1, trials.clone().any(turns)) {
            needs = needs.union(fields);
        }
    }
    match (needs.is_empty(), try_values(0)) {
        (false, _) => Verdict::Needs(needs),
        (true, true) => Verdict::Intercept,
        (true, false) => Verdict::Pass,
    }
}

/// All facts, but of those in `hidden` only what is seen.
fn reveal<'a>(seen: &Facts<'a>, all: &Facts<'a>, hidden: Fields) -> Facts<'a> {
    macro_rules! pick {
        ($field:ident, $($fact:ident).+) => {
            if hidden.contains(Field::$field) { seen.$($fact).+ } else { all.$($fact).+ }
        };
    }
    let process = ProcessFacts {
        pid: pick!(Pid, process.pid),
        name: pick!(Name, process.name),
        path: pick!(Path, process.path),
        user: pick!(User, process.user),
        cgroup: pick!(Cgroup, process.cgroup),
        unit: pick!(Unit, process.unit),
        container: pick!(Container, process.container),
    };
    Facts {
        process,
        ancestors: pick!(Ancestors, ancestors),
        destination: pick!(Destination, destination),
        host: pick!(Host, host),
    }
}

fn is_decided(verdict: Verdict) -> bool {
    !matches!(verdict, Verdict::Needs(_))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_spec_prints_as_it_was_written(text in spec_text()) {
        let spec: Spec = text.parse().unwrap();
        prop_assert_eq!(spec.to_string(), text);
        prop_assert_eq!(spec.to_string().parse::<Spec>().unwrap(), spec);
    }

    #[test]
    fn any_text_is_a_spec_or_an_error_in_it(text in "\\PC{0,40}|[a-z!,: 0-9*é\n]{0,20}") {
        match text.parse::<Spec>() {
            Ok(spec) => prop_assert_eq!(spec.to_string(), text),
            Err(error) => {
                prop_assert!(error.span().end <= text.len());
                prop_assert!(text.get(error.span()).is_some(), "whole characters");
                prop_assert!(error.render(&text).contains('^'));
            }
        }
    }

    #[test]
    fn what_is_seen_whole_is_decided(spec in spec(), world in world()) {
        prop_assert!(is_decided(spec.decide(&world.see_all().facts())));
    }

    #[test]
    fn a_verdict_is_what_trying_all_values_says(spec in spec(), world in world(), shown: Shown) {
        let seen = world.see(shown);
        let items: Vec<_> =
            spec.items().map(|item| (item, item.matcher().truth(&seen.facts()))).collect();
        prop_assert_eq!(spec.decide(&seen.facts()), verdict_by_trial(&items));
    }

    #[test]
    fn more_facts_never_turn_a_verdict(spec in spec(), world in world(), less: Shown, more: Shown) {
        let (less, more) = (world.see(less & more), world.see(more));
        let before = spec.decide(&less.facts());
        if is_decided(before) {
            prop_assert_eq!(spec.decide(&more.facts()), before);
        }
    }

    #[test]
    fn what_is_not_needed_makes_no_difference(spec in spec(), world in world(), shown: Shown) {
        let seen = world.see(shown);
        let verdict = spec.decide(&seen.facts());
        if let Verdict::Needs(needs) = verdict {
            let all = world.see_all();
            prop_assert_eq!(spec.decide(&reveal(&seen.facts(), &all.facts(), needs)), verdict);
        }
    }

    #[test]
    fn what_is_left_decides_the_same(spec in spec(), world in world(), less: Shown, more: Shown) {
        let (less, more) = (world.see(less & more), world.see(more));
        let residual = spec.residual(&less.facts());
        prop_assert_eq!(residual.decide(&less.facts()), spec.decide(&less.facts()));
        prop_assert_eq!(residual.decide(&more.facts()), spec.decide(&more.facts()));
        prop_assert_eq!(residual.to_string().parse::<Spec>().unwrap(), residual);
    }

    #[test]
    fn what_is_left_of_a_known_process_asks_only_for_its_flow(spec in spec(), world in world()) {
        let all = world.see_all();
        let process = Facts { destination: Fact::Unknown, host: Fact::Unknown, ..all.facts() };
        if let Verdict::Needs(fields) = spec.residual(&process).decide(&Facts::default()) {
            prop_assert!(fields.iter().all(|field| !field.is_process()), "{fields}");
        }
    }

    #[test]
    fn an_explanation_agrees_with_the_verdict(spec in spec(), world in world(), shown: Shown) {
        let seen = world.see(shown);
        let explanation = spec.explain(&seen.facts());
        prop_assert_eq!(explanation.verdict, spec.decide(&seen.facts()));
        let decided = explanation.decided_by.map_or_else(|| spec.default_verdict(), Item::verdict);
        prop_assert_eq!(explanation.so_far, decided);
        let open = explanation.items.iter().filter(|row| row.undecided);
        let needs = open.fold(Fields::NONE, |all, row| match row.truth {
            Truth::Unknown(fields) => all.union(fields),
            Truth::False | Truth::True => all,
        });
        prop_assert_eq!(explanation.needs(), needs);
    }
}
