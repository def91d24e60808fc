//! However the helper and its proxy end, the machine is as before and programs work.

use std::net::SocketAddr;
use std::path::Path;

use rustix::process::Signal;

use crate::actor::Actor;
use crate::ground::{Machine, eventually, on_ground};
use crate::proxy::{CAPTURED, Proxy};
use crate::server::{self, DIRECT};

/// A program, its server, and what there was before the capture.
struct Scene {
    client: Actor,
    server: SocketAddr,
    before: Machine,
}

impl Scene {
    fn new() -> Self {
        let client = Actor::client();
        let server = server::start("127.0.0.1");
        Self { client, server, before: Machine::look() }
    }

    fn spec(&self) -> String {
        format!("pid:{}", self.client.pid())
    }

    #[track_caller]
    fn assert_captured(&mut self) -> Machine {
        assert_eq!(self.client.tcp(self.server), format!("{CAPTURED} by {}", self.server));
        Machine::look().without(&self.before)
    }

    /// Checks that programs connect directly, and that nothing is left of what was `added`.
    #[track_caller]
    fn assert_over(&mut self, added: &Machine) {
        let direct = format!("{DIRECT} by {}", self.server);
        eventually("a direct connection", || self.client.tcp(self.server) == direct);
        eventually("the machine as it was", || {
            let now = Machine::look();
            !now.has_any_of(added) && now.without(&self.before).has_nothing_of_a_network()
        });
    }
}

#[test]
fn nothing_is_left_of_a_helper_that_was_killed() {
    if !on_ground("ends::nothing_is_left_of_a_helper_that_was_killed") {
        return;
    }
    let mut scene = Scene::new();
    let mut proxy = Proxy::start(&scene.spec());
    let added = scene.assert_captured();
    assert_ne!(added, Machine::default());
    proxy.helper.kill();
    scene.assert_over(&added);
}

#[test]
fn nothing_is_left_when_the_proxy_was_killed() {
    if !on_ground("ends::nothing_is_left_when_the_proxy_was_killed") {
        return;
    }
    let mut scene = Scene::new();
    let mut proxy = Actor::client();
    let helper = proxy.capture(&scene.spec());
    let added = scene.assert_captured();
    proxy.signal(Signal::KILL);
    scene.assert_over(&added);
    eventually("the helper's end", || has_ended(helper));
}

#[test]
fn nothing_is_left_when_both_were_killed() {
    if !on_ground("ends::nothing_is_left_when_both_were_killed") {
        return;
    }
    let mut scene = Scene::new();
    let mut proxy = Actor::client();
    let helper = proxy.capture(&scene.spec());
    let added = scene.assert_captured();
    proxy.signal(Signal::KILL);
    let helper = rustix::process::Pid::from_raw(helper.cast_signed()).unwrap();
    // It may have ended by itself already.
    _ = rustix::process::kill_process(helper, Signal::KILL);
    scene.assert_over(&added);
}

#[test]
fn a_proxy_that_hangs_up_ends_the_helper_in_peace() {
    if !on_ground("ends::a_proxy_that_hangs_up_ends_the_helper_in_peace") {
        return;
    }
    let mut scene = Scene::new();
    let mut proxy = Proxy::start(&scene.spec());
    let added = scene.assert_captured();
    proxy.stream.shutdown(std::net::Shutdown::Both).unwrap();
    let (status, words) = proxy.helper.end();
    assert!(status.success(), "{words}");
    assert_eq!(words, "");
    scene.assert_over(&added);
}

#[test]
fn programs_connect_directly_while_the_proxy_stands_still() {
    if !on_ground("ends::programs_connect_directly_while_the_proxy_stands_still") {
        return;
    }
    let mut scene = Scene::new();
    let mut proxy = Actor::client();
    proxy.capture(&scene.spec());
    let (captured, direct) =
        (format!("{CAPTURED} by {}", scene.server), format!("{DIRECT} by {}", scene.server));
    for _ in 0..2 {
        assert_eq!(scene.client.tcp(scene.server), captured);
        proxy.signal(Signal::STOP);
        // What is captured until the kernel notices waits for the proxy.
        std::thread::sleep(std::time::Duration::from_millis(1200));
        assert_eq!(scene.client.tcp(scene.server), direct);
        proxy.signal(Signal::CONT);
        eventually("the capture again", || scene.client.tcp(scene.server) == captured);
    }
}

/// Tells whether a process has ended; whoever has taken it over may not have seen that yet.
fn has_ended(pid: u32) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
    stat.is_ok_and(|stat| stat.contains(") Z ")) || !Path::new(&format!("/proc/{pid}")).exists()
}
