//! The whole way: a real helper captures a real program.

mod program;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sidestream_capture::{Incoming, Kind};
use sidestream_os::helper::{InstallOptions, install};
use sidestream_os::{
    Options, OsProxy, check, drop_privileges, helper, pass, start_os_proxy, stop_os_proxy,
};
use sidestream_testkit::{Origin, UdpOrigin, is_root, skip};
use tokio::time::timeout;

use crate::again::{again, as_nobody_with, assert_passed, is_again};
use program::{PYTHON, Program};

const NONE: [u32; 0] = [];

/// Returns the helper that was built beside this test, if a capture can be tried.
fn able(test: &str) -> Option<PathBuf> {
    let missing = |driver: sidestream_os::Driver| {
        driver.findings.into_iter().find(|one| one.outcome != sidestream_os::Outcome::Fine)
    };
    let found = helper::status().found.filter(|_| is_root() && fs::metadata(PYTHON).is_ok());
    let Some(found) = found else {
        skip(test, "not root, no /usr/bin/python3, or no helper: cargo build -p sidestream-helper");
        return None;
    };
    let driver = check().drivers.into_iter().find(|one| one.mode == "local").unwrap();
    if let Some(missing) = missing(driver) {
        skip(test, &format!("{missing:?}"));
        return None;
    }
    Some(found)
}

async fn start(spec: &str) -> OsProxy {
    start_os_proxy(&spec.parse().unwrap(), &Options::default()).await.unwrap()
}

async fn next(proxy: &mut OsProxy) -> Incoming {
    timeout(Duration::from_secs(30), proxy.next()).await.unwrap().unwrap().unwrap()
}

/// Lets the next flow pass, which is that program's.
async fn serve(proxy: &mut OsProxy, port: u16) -> Incoming {
    let incoming = next(proxy).await;
    assert_eq!(incoming.info.key.server.to_string(), format!("127.0.0.1:{port}"));
    incoming
}

fn relay(proxy: &OsProxy, incoming: Incoming) {
    let dial = proxy.dial();
    tokio::spawn(async move { pass(incoming, &*dial).await });
}

/// What of the machine a capture might leave changed.
fn machine() -> String {
    let read = |path: &&str| fs::read_to_string(path).unwrap_or_default();
    let devices = read(&"/proc/net/dev");
    let devices = devices.lines().filter_map(|line| line.split(':').next()).collect::<String>();
    let routes = ["/proc/net/route", "/proc/net/if_inet6"].iter().map(read).collect::<String>();
    devices + &routes
}

fn helpers() -> Vec<u32> {
    let is_helper = |pid: &u32| {
        fs::read_to_string(format!("/proc/{pid}/comm"))
            .is_ok_and(|name| name.starts_with("sidestream-help"))
    };
    sidestream_process::tree(std::process::id()).into_iter().filter(is_helper).collect()
}

fn run_in_own_network(test: &str) {
    let inner = again(&format!("whole::{test}"));
    let mut command = Command::new("unshare");
    command.args(["--net", "sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""]);
    command.arg(inner.get_program()).args(inner.get_args());
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    match command.output() {
        Ok(output) => assert_passed(&output),
        Err(error) => skip(test, &format!("no unshare here: {error}")),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chosen_programs_are_captured_until_it_ends_in_whatever_way() {
    let test = "chosen_programs_are_captured_until_it_ends_in_whatever_way";
    if able(test).is_none() {
        return;
    }
    // It looks at what is left in its network and among its children, where others must not be.
    if !is_again() {
        return run_in_own_network(test);
    }
    let before = machine();
    let (tcp, udp) = (Origin::echo(), UdpOrigin::echo());
    let (mut program, mut other) = (Program::start(), Program::start());
    let spec = format!("tree:pid:{}", program.pid());
    let mut proxy = start(&spec).await;

    program.tell(&format!("tcp {}", tcp.port()));
    let incoming = serve(&mut proxy, tcp.port()).await;
    let process = incoming.info.process.clone().unwrap();
    assert_eq!(process.pid, program.pid());
    assert_eq!(process.path, fs::canonicalize(PYTHON).ok());
    assert!(process.parents().any(|parent| parent.pid == std::process::id()));
    relay(&proxy, incoming);
    program.assert_answered();

    program.tell(&format!("udp {}", udp.addr().port()));
    let incoming = serve(&mut proxy, udp.addr().port()).await;
    assert!(matches!(incoming.kind, Kind::Udp(_)));
    relay(&proxy, incoming);
    program.assert_answered();

    program.tell(&format!("below {}", tcp.port()));
    let incoming = serve(&mut proxy, tcp.port()).await;
    let child = incoming.info.process.clone().unwrap();
    assert!(child.parents().any(|parent| parent.pid == program.pid()));
    relay(&proxy, incoming);
    program.assert_answered();

    // Others connect as ever, and so does it once it is not chosen any more.
    other.tell(&format!("tcp {}", tcp.port()));
    other.assert_answered();
    proxy.set_spec(&"pid:4194304".parse().unwrap()).await.unwrap();
    program.tell(&format!("tcp {}", tcp.port()));
    program.assert_answered();
    proxy.set_spec(&spec.parse().unwrap()).await.unwrap();
    program.tell(&format!("tcp {}", tcp.port()));
    let incoming = serve(&mut proxy, tcp.port()).await;
    relay(&proxy, incoming);
    program.assert_answered();

    stop_os_proxy(proxy).await;
    assert_eq!(helpers(), NONE);
    assert_eq!(machine(), before);
    program.tell(&format!("tcp {}", tcp.port()));
    program.assert_answered();

    // The helper is killed: the capture says so, and programs go on.
    let mut proxy = start(&spec).await;
    let [helper] = helpers()[..] else { panic!("{:?}", helpers()) };
    Command::new("kill").args(["-KILL", &helper.to_string()]).status().unwrap();
    let error = timeout(Duration::from_secs(30), proxy.next()).await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the helper ended; captured programs now connect directly");
    program.tell(&format!("udp {}", udp.addr().port()));
    program.assert_answered();
    assert_eq!(machine(), before);

    // It is dropped: so is the helper.
    drop(start(&spec).await);
    for _ in 0..200 {
        if helpers().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(helpers(), NONE);
    assert_eq!(machine(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_has_given_up_its_rights_goes_on() {
    let test = "a_proxy_that_has_given_up_its_rights_goes_on";
    if able(test).is_none() {
        return;
    }
    if !is_again() {
        return assert_passed(&again(&format!("whole::{test}")).output().unwrap());
    }
    let origin = Origin::echo();
    let mut program = Program::start();
    let spec = format!("pid:{}", program.pid());
    let mut proxy = start(&spec).await;
    drop_privileges(65534, 65534).unwrap();
    for spec in [spec.clone(), format!("{spec},!port:1")] {
        proxy.set_spec(&spec.parse().unwrap()).await.unwrap();
        program.tell(&format!("tcp {}", origin.port()));
        let incoming = serve(&mut proxy, origin.port()).await;
        assert!(incoming.info.process.is_some());
        relay(&proxy, incoming);
        program.assert_answered();
    }
    stop_os_proxy(proxy).await;
    assert_eq!(helpers(), NONE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installed_helper_captures_the_programs_of_its_user_alone() {
    let test = "an_installed_helper_captures_the_programs_of_its_user_alone";
    if is_again() {
        return captures_its_own().await;
    }
    let Some(source) = able(test) else { return };
    let group = Command::new("id").args(["-gn", "nobody"]).output().unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut options = InstallOptions::new(source);
    options.to = folder.path().join("sidestream-helper");
    options.group = String::from_utf8(group.stdout).unwrap().trim().into();
    install(&options).unwrap();
    // Root's program connects all the time, and is chosen like the other one.
    let (origin, mut roots, over) = (Origin::echo(), Program::start(), AtomicBool::new(false));
    let variables = [
        ("SIDESTREAM_HELPER", options.to.to_str().unwrap().to_owned()),
        ("SIDESTREAM_TEST_FOREIGN", roots.pid().to_string()),
    ];
    let output = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                roots.tell(&format!("tcp {}", origin.port()));
                roots.assert_answered();
            }
        });
        let output = as_nobody_with(&format!("whole::{test}"), variables);
        over.store(true, Ordering::Relaxed);
        output
    });
    assert_passed(&output);
}

/// What of it is done as nobody.
async fn captures_its_own() {
    let (origin, mut own) = (Origin::echo(), Program::start());
    let foreign = std::env::var("SIDESTREAM_TEST_FOREIGN").unwrap();
    let mut proxy = start(&format!("pid:{},pid:{foreign}", own.pid())).await;
    let told = timeout(Duration::from_secs(30), proxy.notices().next()).await.unwrap().unwrap();
    assert!(told.to_string().starts_with("only your own processes"), "{told}");
    let none = timeout(Duration::from_millis(500), proxy.next()).await;
    assert!(none.is_err(), "{none:?}");
    own.tell(&format!("tcp {}", origin.port()));
    let incoming = serve(&mut proxy, origin.port()).await;
    assert_eq!(incoming.info.process.as_ref().unwrap().pid, own.pid());
    relay(&proxy, incoming);
    own.assert_answered();
    stop_os_proxy(proxy).await;
}
