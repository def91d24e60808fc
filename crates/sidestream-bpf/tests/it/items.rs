//! Items by which the kernel decides at the moment that a process runs another program; nobody
//! reads the events.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use sidestream_bpf::{Item, ItemKind, Items, LoadOptions, MAX_ITEMS, Pattern, Verdict, Verdicts};

use crate::client::Client;
use crate::ground::{Ground, on_ground, on_ground_with, options};

const CONNECT: &str = "exec 3<>/dev/tcp/192.0.2.7/80";
const USER: u32 = 65_533;

/// A process is undecided unless the items say something.
fn undecided() -> LoadOptions {
    let mut options = options();
    options.default = Verdict::Undecided;
    options
}

/// A folder with a shell under several names.
struct Programs(tempfile::TempDir);

impl Programs {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::copy("/bin/bash", folder.path().join("shell")).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if !path.exists() {
            fs::hard_link(self.0.path().join("shell"), &path).unwrap();
        }
        path
    }

    /// Gives a program that runs shell code, which connects.
    fn command(&self, name: &str, code: &str) -> Command {
        let mut command = Command::new(self.path(name));
        command.args(["-c", code]).stderr(Stdio::null());
        command
    }
}

/// Runs a command; says by which verdict its connection was diverted, if it was.
fn verdict_on(ground: &Ground, command: &mut Command) -> Option<Verdict> {
    let before = ground.hooks.counters().undecided;
    let diverted = command.status().unwrap().success();
    let verdict = diverted.then(|| ground.accept().2.verdict);
    let provisional = ground.hooks.counters().undecided - before;
    assert_eq!(provisional, u64::from(verdict == Some(Verdict::Undecided)));
    verdict
}

fn include(kind: ItemKind) -> Item {
    Item { exclude: false, is_tree: false, kind }
}

fn exclude(kind: ItemKind) -> Item {
    Item { exclude: true, ..include(kind) }
}

fn word(text: &str) -> ItemKind {
    ItemKind::Path(Pattern::containing(text))
}

fn set(ground: &Ground, default: bool, items: &[Item]) {
    ground.hooks.set_items(0, Some(&Items { default, items: items.to_vec() })).unwrap();
}

const PASSED: Option<Verdict> = None;
const SELECTED: Option<Verdict> = Some(Verdict::Intercept);
const OPEN: Option<Verdict> = Some(Verdict::Undecided);

#[test]
fn decides_by_the_path_before_the_program_begins() {
    on_ground_with("decides_by_the_path_before_the_program_begins", undecided(), |ground| {
        let programs = Programs::new();
        let check = |kind: ItemKind, name: &str, expected| {
            set(ground, false, &[include(kind.clone())]);
            let found = verdict_on(ground, &mut programs.command(name, CONNECT));
            assert_eq!(found, expected, "{name} {kind:?}");
        };
        check(word("curl"), "curl", SELECTED);
        check(word("curl"), "xcurlx", SELECTED);
        check(word("curl"), "curl.d/wget", SELECTED);
        check(word("curl"), "Curl", PASSED);
        check(word("curl"), "cucurl", SELECTED);
        check(word("curl"), "cur", PASSED);
        check(word("d/w"), "curl.d/wget", SELECTED);
        let name = |glob| ItemKind::Name(Pattern::glob(glob));
        check(name("curl"), "curl", SELECTED);
        check(name("curl"), "xcurl", PASSED);
        check(name("curl"), "curlx", PASSED);
        check(name("dir"), "dir/wget", PASSED);
        check(name("c*l"), "curl", SELECTED);
        check(name("c*l"), "cl", SELECTED);
        check(name("c*l"), "c/l", PASSED);
        check(name("c?rl"), "curl", OPEN);
        check(name("c?rl"), "wget", PASSED);
        check(name("a/curl"), "a/curl", PASSED);
        check(name("*"), "curl", SELECTED);
        let whole = programs.path("bin/curl");
        let path = |glob: &str| ItemKind::Path(Pattern::glob(glob));
        check(path(whole.to_str().unwrap()), "bin/curl", SELECTED);
        check(path(whole.to_str().unwrap()), "bin/curlx", PASSED);
        check(path("/*/bin/c*"), "bin/curl", SELECTED);
        check(path("/*/bin/c*"), "sbin/c", PASSED);
        // What is longer than an automaton may match where its front does.
        let long = "x".repeat(80);
        check(word(&long[..63]), &long, SELECTED);
        check(word(&long), &long, OPEN);
        check(word(&long), &long[..62], PASSED);
        check(word(&long), &long[..63], OPEN);
        let deep = format!("{}/{}", "d".repeat(200), "e".repeat(100));
        check(word("curl"), &deep, OPEN);
    });
}

#[test]
fn lets_the_last_item_that_matches_decide_a_process() {
    on_ground_with("lets_the_last_item_that_matches_decide_a_process", undecided(), |ground| {
        let programs = Programs::new();
        let check = |default, items: &[Item], expected| {
            set(ground, default, items);
            let found = verdict_on(ground, &mut programs.command("curl", CONNECT));
            assert_eq!(found, expected, "{items:?}");
        };
        let open = || ItemKind::Open;
        check(false, &[], PASSED);
        check(true, &[], SELECTED);
        check(false, &[include(word("curl")), exclude(word("cur"))], PASSED);
        check(true, &[exclude(word("curl")), include(word("cur"))], SELECTED);
        check(true, &[exclude(word("wget"))], SELECTED);
        check(false, &[include(open())], OPEN);
        check(false, &[exclude(open())], PASSED);
        check(false, &[include(open()), exclude(word("curl"))], PASSED);
        check(false, &[include(open()), exclude(word("wget"))], OPEN);
        check(true, &[exclude(open()), include(word("curl")), exclude(word("wget"))], SELECTED);
        let many = vec![include(word("wget")); MAX_ITEMS - 1];
        check(false, &[&many[..], &[include(word("curl"))]].concat(), SELECTED);
        let too_many = Items { default: false, items: vec![include(word("wget")); MAX_ITEMS + 1] };
        let refused = ground.hooks.set_items(0, Some(&too_many)).map_err(|error| error.kind());
        assert_eq!(refused, Err(io::ErrorKind::InvalidInput));
        let mut command = programs.command("curl", CONNECT);
        assert_eq!(verdict_on(ground, &mut command), OPEN, "nothing is half in force");
    });
}

#[test]
fn decides_by_the_real_user() {
    on_ground_with("decides_by_the_real_user", undecided(), |ground| {
        let programs = Programs::new();
        set(ground, false, &[include(ItemKind::User(USER))]);
        let mut command = programs.command("shell", CONNECT);
        assert_eq!(verdict_on(ground, &mut command), PASSED);
        assert_eq!(verdict_on(ground, command.uid(USER)), SELECTED);
    });
}

#[test]
fn leaves_open_who_has_a_pid_and_whose_child_may_get_it() {
    on_ground_with("leaves_open_who_has_a_pid_and_whose_child_may_get_it", undecided(), |ground| {
        let programs = Programs::new();
        let path = programs.path("shell");
        let exec = format!("os.execv('{}', ['shell', '-c', {CONNECT:?}])", path.display());
        let client = || ground.client_with(Verdicts::default());
        let pid = |pid, is_free| include(ItemKind::Pid { pid, is_free });
        let mut meant = client();
        set(ground, false, &[pid(meant.pid(), false)]);
        meant.begin(&exec);
        assert_eq!(ground.accept().2.verdict, Verdict::Undecided);

        let check = |code: &str, is_free, expected| {
            set(ground, false, &[pid(1, is_free)]);
            let found = verdict_on(ground, &mut programs.command("shell", code));
            assert_eq!(found, expected, "{code} {is_free}");
        };
        check(CONNECT, false, PASSED);
        check(CONNECT, true, PASSED);
        let in_a_child = format!("({CONNECT}) && true");
        check(&in_a_child, false, PASSED);
        check(&in_a_child, true, OPEN);
    });
}

#[test]
fn knows_who_is_in_no_tree() {
    on_ground_with("knows_who_is_in_no_tree", undecided(), |ground| {
        let programs = Programs::new();
        let [shell, curl] = ["shell", "curl"].map(|name| programs.path(name));
        let tree = Item { is_tree: true, ..include(word("curl")) };
        set(ground, false, &[tree]);
        // A process that is in no tree, then a program, and at last one that this runs.
        let check = |is_in_tree, first: &PathBuf, last: &PathBuf, expected| {
            let verdicts = Verdicts { own: Verdict::Pass, child: Verdict::Pass, is_in_tree };
            let mut client: Client = ground.client_with(verdicts);
            let inner = format!("{} -c {CONNECT:?} && true", last.display());
            client.run(&format!(
                "import subprocess\n\
                 subprocess.run(['{}', '-c', {inner:?}], stderr=subprocess.DEVNULL)",
                first.display()
            ));
            ground.tcp4.set_nonblocking(true).unwrap();
            let found = ground.tcp4.accept().ok().map(|(stream, _)| {
                let slot = sidestream_bpf::Slot::of(stream.local_addr().unwrap()).unwrap();
                ground.hooks.origin(slot).unwrap().unwrap().verdict
            });
            assert_eq!(found, expected, "{is_in_tree} {} {}", first.display(), last.display());
        };
        check(false, &shell, &shell, PASSED);
        check(false, &shell, &curl, SELECTED);
        // Of a tree's process the hooks do not know which item it is in.
        check(false, &curl, &shell, OPEN);
        check(true, &shell, &shell, OPEN);
        check(true, &shell, &curl, SELECTED);
    });
}

#[test]
fn goes_over_to_the_items_of_the_next_epoch() {
    on_ground("goes_over_to_the_items_of_the_next_epoch", |ground| {
        let programs = Programs::new();
        let run = || verdict_on(ground, &mut programs.command("shell", CONNECT));
        for epoch in [0, 1, 2, u32::MAX, 0] {
            ground.hooks.set_epoch(epoch);
            let items = |default| Items { default, items: Vec::new() };
            ground.hooks.set_items(epoch, Some(&items(false))).unwrap();
            ground.hooks.set_items(epoch.wrapping_add(1), Some(&items(true))).unwrap();
            assert_eq!(run(), PASSED);
            ground.hooks.set_epoch(epoch.wrapping_add(1));
            assert_eq!(run(), SELECTED);
        }
    });
}
