//! What a text means: its items, and that it prints as it was written.

use sidestream_spec::{Item, Matcher, ProcessMatcher, Spec, Verdict};

/// One line per item: `!` if it excludes, the kind, the value.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let spec: Spec = text.parse().unwrap();
    let items: Vec<String> = spec.items().map(describe).collect();
    assert_eq!(items, expected, "{text:?}");
    assert_eq!(spec.to_string(), text);
}

fn describe(item: &Item) -> String {
    let exclusion = if item.excludes() { "!" } else { "" };
    let matcher = match item.matcher() {
        Matcher::Host(glob) => format!("host {}", glob.as_str()),
        Matcher::Net(net) => format!("net {net}"),
        Matcher::Port(port) => format!("port {port}"),
        Matcher::Process(matcher) => describe_process(matcher),
        Matcher::Tree(matcher) => format!("tree {}", describe_process(matcher)),
    };
    format!("{exclusion}{matcher}")
}

fn describe_process(matcher: &ProcessMatcher) -> String {
    match matcher {
        ProcessMatcher::Cgroup(glob) => format!("cgroup {}", glob.as_str()),
        ProcessMatcher::Container(name) => format!("container {name}"),
        ProcessMatcher::Name(glob) => format!("name {}", glob.as_str()),
        ProcessMatcher::Path(glob) => format!("path {}", glob.as_str()),
        ProcessMatcher::Pid(pid) => format!("pid {pid}"),
        ProcessMatcher::Unit(name) => format!("unit {name}"),
        ProcessMatcher::User(name) => format!("user {name}"),
        ProcessMatcher::Word(word) => format!("word {word}"),
    }
}

#[test]
fn an_empty_text_has_no_items() {
    check("", &[]);
    check("  \t\n", &[]);
}

#[test]
fn a_bare_word_is_a_part_of_path_or_name() {
    check("curl", &["word curl"]);
    check("Google Chrome", &["word Google Chrome"]);
    check("4711a", &["word 4711a"]);
    check("-1", &["word -1"]);
    check("+1", &["word +1"]);
    check("1.5", &["word 1.5"]);
    check("a@b", &["word a@b"]);
    check("a!b", &["word a!b"]);
    check("prozeß-✓", &["word prozeß-✓"]);
}

#[test]
fn a_bare_number_is_a_pid() {
    check("4711", &["pid 4711"]);
    check("0", &["pid 0"]);
    check("0042", &["pid 42"]);
    check("4294967295", &["pid 4294967295"]);
    check("٤٢", &["word ٤٢"]);
}

#[test]
fn items_are_trimmed() {
    check("  curl ,\twget\n, 1 ", &["word curl", "word wget", "pid 1"]);
    check("! curl", &["!word curl"]);
    check("pid: 4711", &["pid 4711"]);
    check("tree: name: make", &["tree name make"]);
}

#[test]
fn an_exclamation_mark_excludes() {
    check("curl,!4711", &["word curl", "!pid 4711"]);
    check("!name:a", &["!name a"]);
    check("!tree:a", &["!tree word a"]);
    check("!port:22", &["!port 22"]);
}

#[test]
fn each_prefix_has_its_matcher() {
    check("pid:42", &["pid 42"]);
    check("name:cu?l*", &["name cu?l*"]);
    check("path:/usr/*/curl", &["path /usr/*/curl"]);
    check("user:www-data", &["user www-data"]);
    check("cgroup:/user.slice/*", &["cgroup /user.slice/*"]);
    check("unit:getty@tty1.service", &["unit getty@tty1.service"]);
    check("container:web", &["container web"]);
    check("port:443", &["port 443"]);
    check("host:*.Example.com", &["host *.Example.com"]);
    check("host:example.com.", &["host example.com"]);
    check("net:10.0.0.0/8", &["net 10.0.0.0/8"]);
}

#[test]
fn a_tree_takes_any_item_on_a_process() {
    check("tree:make", &["tree word make"]);
    check("tree:42", &["tree pid 42"]);
    check("tree:pid:42", &["tree pid 42"]);
    check("tree:path:/usr/*", &["tree path /usr/*"]);
    check("tree:user:root", &["tree user root"]);
    check("tree:unit:cron", &["tree unit cron"]);
    check(r"tree:C:\x\make.exe", &[r"tree word C:\x\make.exe"]);
}

#[test]
fn any_other_word_with_a_colon_is_plain() {
    check(r"C:\x\curl.exe", &[r"word C:\x\curl.exe"]);
    check("PID:42", &["word PID:42"]);
    check("pid :42", &["word pid :42"]);
    check("exe:curl", &["word exe:curl"]);
    check(":42", &["word :42"]);
    check("a:", &["word a:"]);
    check("::1", &["word ::1"]);
    check("http://x", &["word http://x"]);
}

#[test]
fn a_value_keeps_its_colons() {
    check(r"path:C:\x\*.exe", &[r"path C:\x\*.exe"]);
    check("container:a:b", &["container a:b"]);
    check("net:2001:db8::/32", &["net 2001:db8::/32"]);
    check("name:pid:1", &["name pid:1"]);
}

#[test]
fn a_star_in_a_plain_word_is_itself() {
    check("*", &["word *"]);
    check("cu*l?", &["word cu*l?"]);
}

#[test]
fn the_default_is_to_intercept_exactly_when_the_first_item_excludes() {
    let default = |text: &str| text.parse::<Spec>().unwrap().default_verdict();
    assert_eq!(default(""), Verdict::Pass);
    assert_eq!(default("a"), Verdict::Pass);
    assert_eq!(default("a,!b"), Verdict::Pass);
    assert_eq!(default("!a"), Verdict::Intercept);
    assert_eq!(default(" !a,b"), Verdict::Intercept);
}

#[test]
fn specs_are_equal_when_they_mean_the_same() {
    let spec = |text: &str| text.parse::<Spec>().unwrap();
    assert_eq!(spec("curl,!42"), spec(" curl , ! pid:042"));
    assert_eq!(spec("net:10.1.2.3/8"), spec("net:10.0.0.0/8"));
    assert_ne!(spec("curl,!42"), spec("!42,curl"));
    assert_ne!(spec("curl"), spec("!curl"));
    assert_eq!(Spec::nothing(), spec(""));
    assert_eq!(Spec::default(), Spec::nothing());
    assert_eq!(Spec::everything(), spec("!0"));
}

#[test]
fn an_item_knows_where_it_stands() {
    let text = " é, ! pid: 7 ,x";
    let spec: Spec = text.parse().unwrap();
    let written: Vec<&str> = spec.items().map(|item| &text[item.span()]).collect();
    assert_eq!(written, ["é", "! pid: 7", "x"]);
}

#[test]
fn a_spec_may_have_any_length() {
    let items: Vec<String> = (1..=100_000).map(|pid| pid.to_string()).collect();
    let spec: Spec = items.join(",").parse().unwrap();
    assert_eq!(spec.items().len(), 100_000);

    let word = "x".repeat(1_000_000);
    check(&word, &[&format!("word {word}")]);
}

#[test]
fn debug_shows_the_text() {
    assert_eq!(format!("{:?}", "curl, !42".parse::<Spec>().unwrap()), r#"Spec("curl, !42")"#);
}
