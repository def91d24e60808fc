//! The engine for containers: it comes and goes without a trace, also when its lab is killed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use sidestream_lab::ground::ctr::engine::Engine;
use sidestream_lab::ground::ctr::images::Image;
use sidestream_lab::ground::ctr::library::Library;
use sidestream_testkit::skip;

/// How long is waited for what takes a moment; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder for engines that is gone with the test.
struct Bench(tempfile::TempDir);

impl Bench {
    /// Skips the test, aloud, where there can be no engine.
    fn new(test: &str) -> Option<Self> {
        if let Err(error) = Engine::check() {
            skip(test, &error.to_string());
            return None;
        }
        // Not where files are in memory: layers lie on layers.
        Some(Self(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()))
    }

    fn start(&self) -> Engine {
        Engine::start(self.0.path(), |_data| Ok(())).unwrap()
    }
}

/// What an engine could leave on the machine, apart from what others do meanwhile.
fn traces(homes: &Path) -> BTreeSet<String> {
    let mut traces = BTreeSet::new();
    let ids = fs::read_dir(homes).unwrap().flatten().map(|entry| entry.file_name());
    let ids: Vec<_> = ids.filter_map(|id| id.into_string().ok()).collect();
    traces.extend(ids.iter().filter(|id| *id != "lock").map(|id| format!("folder {id}")));
    for group in groups(Path::new("/sys/fs/cgroup"), 2) {
        if ids.iter().any(|id| group.ends_with(&format!("sidestream-lab-{id}"))) {
            traces.insert(format!("group {group}"));
        }
    }
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        if words.contains(&*homes.to_string_lossy()) {
            traces.insert(format!("process {words}"));
        }
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let ours = mounts.lines().filter(|line| line.contains(&*homes.to_string_lossy()));
    traces.extend(ours.map(|line| format!("mount {line}")));
    traces
}

fn groups(folder: &Path, depth: u32) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let below = entries.map(|entry| entry.path()).filter(|path| path.is_dir());
    let own = |path: &Path| vec![path.display().to_string()];
    below
        .flat_map(|path| match depth {
            1 => own(&path),
            _ => [own(&path), groups(&path, depth - 1)].concat(),
        })
        .collect()
}

#[track_caller]
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "{what}: not after {PATIENCE:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_engine_comes_and_goes_without_a_trace() {
    let Some(bench) = Bench::new("an_engine_comes_and_goes_without_a_trace") else { return };
    let engine = bench.start();
    assert_eq!(engine.swept(), [""; 0]);
    let pid = engine.pid();
    let version = engine.docker(&["version", "--format", "{{.Server.Version}}"]).unwrap();
    assert!(version.starts_with(|first: char| first.is_ascii_digit()), "{version}");
    assert!(!traces(bench.0.path()).is_empty());
    engine.stop().unwrap();
    assert_eq!(traces(bench.0.path()), BTreeSet::new());
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn two_engines_at_once_do_not_meet() {
    let Some(bench) = Bench::new("two_engines_at_once_do_not_meet") else { return };
    let (one, other) = (bench.start(), bench.start());
    let network = ["network", "create", "--subnet", "10.77.0.0/24", "lab"];
    for engine in [&one, &other] {
        engine.docker(&network).unwrap();
    }
    let namespace = |engine: &Engine| {
        ["net", "mnt", "pid"]
            .map(|kind| fs::read_link(format!("/proc/{}/ns/{kind}", engine.pid())).unwrap())
    };
    for (one, other) in namespace(&one).iter().zip(namespace(&other)) {
        assert_ne!(*one, other);
    }
    one.stop().unwrap();
    assert!(other.docker(&["network", "inspect", "lab"]).is_ok());
}

/// A process of the lab that has an engine, and nothing to do.
fn other_lab(homes: &Path) -> Child {
    let program = env!("CARGO_BIN_EXE_sidestream-lab");
    let mut command = Command::new(program);
    command.arg("engine").arg(homes).stdin(Stdio::piped()).stdout(Stdio::null());
    command.spawn().unwrap()
}

#[test]
fn a_lab_that_is_killed_leaves_nothing() {
    let Some(bench) = Bench::new("a_lab_that_is_killed_leaves_nothing") else { return };
    let homes = bench.0.path();
    let mut lab = other_lab(homes);
    let up = || fs::read_dir(homes).unwrap().flatten().find(is_up);
    wait_until("an engine", || up().is_some());
    let id = up().unwrap().file_name().into_string().unwrap();
    lab.kill().unwrap();
    lab.wait().unwrap();
    wait_until("nothing is left", || traces(homes).is_empty());
    assert!(groups(Path::new("/sys/fs/cgroup"), 2).iter().all(|group| !group.contains(&id)));
}

#[test]
fn what_a_killed_keeper_leaves_the_next_engine_removes_and_tells() {
    let test = "what_a_killed_keeper_leaves_the_next_engine_removes_and_tells";
    let Some(bench) = Bench::new(test) else { return };
    let homes = bench.0.path();
    let mut lab = other_lab(homes);
    let up = || fs::read_dir(homes).unwrap().flatten().find(is_up);
    wait_until("an engine", || up().is_some());
    let home = up().unwrap();
    // The lab first, for it would tidy up; then who tidies up after it.
    signal("-STOP", lab.id());
    for keeper in keepers(homes) {
        signal("-KILL", keeper);
    }
    lab.kill().unwrap();
    lab.wait().unwrap();
    let id = home.file_name().into_string().unwrap();
    assert!(home.path().exists());
    // It is locked until the last process of the engine is gone.
    let lock = fs::File::open(home.path().join("lock")).unwrap();
    wait_until("all processes are gone", || lock.try_lock().is_ok());
    drop(lock);
    let next = bench.start();
    assert_eq!(next.swept(), [format!("removed what a killed lab had left of its engine {id}")]);
    assert!(!home.path().exists());
    next.stop().unwrap();
    assert_eq!(traces(homes), BTreeSet::new());
    assert!(groups(Path::new("/sys/fs/cgroup"), 2).iter().all(|group| !group.contains(&id)));
}

fn is_up(home: &fs::DirEntry) -> bool {
    home.path().join("pid").exists()
}

fn signal(name: &str, pid: u32) {
    assert!(Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
}

/// The shells that keep engines in these homes, and what they wait for.
fn keepers(homes: &Path) -> Vec<u32> {
    let words = |pid: u32| {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&words).replace('\0', " ")
    };
    let all = fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_one = |pid: &u32| {
        let words = words(*pid);
        words.contains(&*homes.to_string_lossy()) && words.starts_with("sh -c # Keeps")
    };
    pids.filter(is_one).collect()
}

#[test]
fn images_have_the_programs_that_they_are_named_after() {
    let test = "images_have_the_programs_that_they_are_named_after";
    if Bench::new(test).is_none() {
        return;
    }
    // Made once and kept, for they are big.
    let engine = Library::new(&Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("lab"));
    let engine = engine.engine().unwrap();
    for (image, argv) in [
        (Image::Curl, ["curl", "--version"]),
        (Image::Java, ["java", "-version"]),
        (Image::Node, ["node", "--version"]),
        (Image::Origin, ["nginx", "-v"]),
        (Image::Python, ["python3", "--version"]),
        (Image::Clients, ["python3", "--version"]),
    ] {
        if sidestream_lab::closure::find(argv[0]).is_none() {
            continue;
        }
        let name = format!("{}:{}", Image::name(), image.tag());
        let run = ["run", "--rm", "--network=host", &name];
        engine.docker(&[&run[..], &argv[..]].concat()).unwrap();
    }
    engine.stop().unwrap();
}

#[test]
fn hosts_have_the_image_of_the_program_that_they_are_named_after() {
    let check = |host: &str, image: Image| assert_eq!(Image::of_host(host), image, "{host}");
    check("app", Image::Clients);
    check("curl", Image::Curl);
    check("machine-node", Image::Node);
    check("origin2", Image::Origin);
}
