//! What an item matches, and whether it does.

use std::ffi::OsStr;

use crate::parse::parse_number;
use crate::{Container, Fact, Facts, Field, Glob, Net, ProcessFacts, Truth, User};

/// What an item matches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Matcher {
    /// `host:GLOB`: the name of the host that the flow goes to, in any case of ASCII letters.
    Host(Glob),
    /// `net:CIDR`: the address that the flow goes to.
    Net(Net),
    /// `port:N`: the port that the flow goes to.
    Port(u16),
    /// An item on the process itself.
    Process(ProcessMatcher),
    /// `tree:ITEM`: the process itself or one of its ancestors.
    Tree(ProcessMatcher),
}

/// What an item on a process matches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ProcessMatcher {
    /// `cgroup:GLOB`: the cgroup's path.
    Cgroup(Glob),
    /// `container:NAME-OR-ID`: the container's name, its id, or the id's first 12 or more digits.
    Container(String),
    /// `name:GLOB`: the executable's name.
    Name(Glob),
    /// `path:GLOB`: the executable's path.
    Path(Glob),
    /// `N` or `pid:N`: the process id; 0 is no process's and matches nothing.
    Pid(u32),
    /// `unit:NAME`: the systemd unit, with or without `.service`.
    Unit(String),
    /// `user:NAME`: the user's login name or numeric id.
    User(String),
    /// A plain word: a part of the executable's path or name.
    Word(String),
}

/// Length of the short container ids that runtimes print.
const SHORT_ID_LEN: usize = 12;

impl Matcher {
    /// Tells whether the item matches, as far as `facts` say.
    pub fn truth(&self, facts: &Facts<'_>) -> Truth {
        match self {
            Self::Host(glob) => ask(facts.host, Field::Host, |host| host_matches(glob, host)),
            Self::Net(net) => {
                ask(facts.destination, Field::Destination, |to| net.contains(to.ip()))
            }
            Self::Port(port) => ask(facts.destination, Field::Destination, |to| to.port() == *port),
            Self::Process(matcher) => matcher.truth(&facts.process),
            Self::Tree(matcher) => {
                matcher.truth(&facts.process).or(matcher.truth_of_any(facts.ancestors))
            }
        }
    }
}

impl ProcessMatcher {
    /// Tells whether the item matches `process`, as far as its facts say.
    pub fn truth(&self, process: &ProcessFacts<'_>) -> Truth {
        match self {
            Self::Cgroup(glob) => ask(process.cgroup, Field::Cgroup, |path| matches(glob, path)),
            Self::Container(wanted) => {
                ask(process.container, Field::Container, |found| is_container(wanted, found))
            }
            Self::Name(glob) => ask(process.name, Field::Name, |name| matches(glob, name)),
            Self::Path(glob) => ask(process.path, Field::Path, |path| matches(glob, path)),
            Self::Pid(0) => Truth::False,
            Self::Pid(wanted) => ask(process.pid, Field::Pid, |pid| pid == *wanted),
            Self::Unit(wanted) => ask(process.unit, Field::Unit, |unit| is_unit(wanted, unit)),
            Self::User(wanted) => ask(process.user, Field::User, |user| is_user(wanted, user)),
            Self::Word(word) => ask(process.path, Field::Path, |path| contains(path, word))
                .or(ask(process.name, Field::Name, |name| contains(name, word))),
        }
    }

    /// Tells whether the item matches any ancestor; whatever is unknown of one is asked for as a whole.
    fn truth_of_any(&self, ancestors: Fact<&[ProcessFacts<'_>]>) -> Truth {
        // A matcher that asks for nothing is not asked of the ancestors either.
        if let truth @ (Truth::False | Truth::True) = self.truth(&ProcessFacts::default()) {
            return truth;
        }
        let ancestors = match ancestors {
            Fact::Absent => &[],
            Fact::Known(ancestors) => ancestors,
            Fact::Unknown => return Truth::Unknown(Field::Ancestors.into()),
        };
        let any = ancestors.iter().fold(Truth::False, |any, process| any.or(self.truth(process)));
        if any.is_unknown() { Truth::Unknown(Field::Ancestors.into()) } else { any }
    }
}

fn ask<T>(fact: Fact<T>, field: Field, test: impl FnOnce(T) -> bool) -> Truth {
    match fact {
        Fact::Absent => Truth::False,
        Fact::Known(value) => test(value).into(),
        Fact::Unknown => Truth::Unknown(field.into()),
    }
}

fn matches(glob: &Glob, text: &OsStr) -> bool {
    glob.matches(text.as_encoded_bytes())
}

/// A host name may be written with the root's dot at its end, and means the same without.
fn host_matches(glob: &Glob, host: &str) -> bool {
    glob.matches(host.strip_suffix('.').unwrap_or(host).as_bytes())
}

fn contains(text: &OsStr, word: &str) -> bool {
    text.as_encoded_bytes().windows(word.len()).any(|part| part == word.as_bytes())
}

fn is_container(wanted: &str, found: Container<'_>) -> bool {
    let by_id = found.id == wanted || wanted.len() >= SHORT_ID_LEN && found.id.starts_with(wanted);
    by_id || found.name == Some(wanted) || found.image.is_some_and(|it| is_image(wanted, it))
}

/// An image may be written without its tag or digest, and without what stands before its last
/// part: `nginx` is `docker.io/library/nginx:1.27`.
fn is_image(wanted: &str, image: &str) -> bool {
    let named = image.split_once('@').map_or(image, |(named, _digest)| named);
    // A colon before a slash is of a registry's port.
    let bare = match named.rsplit_once(':') {
        Some((bare, tag)) if !tag.contains('/') => bare,
        _ => named,
    };
    let forms = [image, named, bare];
    let last = |form: &str| form.rsplit_once('/').is_some_and(|(_before, last)| last == wanted);
    forms.contains(&wanted) || [named, bare].into_iter().any(last)
}

fn is_unit(wanted: &str, unit: &str) -> bool {
    unit == wanted || unit.strip_suffix(".service") == Some(wanted)
}

fn is_user(wanted: &str, user: User<'_>) -> bool {
    user.name == Some(wanted) || user.uid.is_some_and(|uid| parse_number(wanted) == Some(uid))
}
