//! More connections than there is room for.

use std::fs;

use insta::assert_snapshot;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use sidestream_ipc::NoticeKind;

use crate::actor::Actor;
use crate::ground::{eventually, on_ground, on_prepared_ground};
use crate::proxy::Proxy;
use crate::scene::{Scene, noticed};

/// How many destinations can be captured at once.
const SLOTS: u32 = 65_536;
/// The last ones are found late.
const MORE: u32 = SLOTS / 2;
/// How many descriptors the helper may open beyond those that it holds all the time.
const ROOM: usize = 16;
const CROWD: usize = 500;

fn helper(proxy: &Proxy) -> Pid {
    Pid::from_raw(proxy.helper.pid().cast_signed()).unwrap()
}

#[test]
fn what_finds_no_slot_passes_and_is_counted() {
    if !on_ground("crowds::what_finds_no_slot_passes_and_is_counted") {
        return;
    }
    let mut scene = Scene::new();
    let mut hoarder = Actor::client();
    let proxy = Proxy::start(&format!("{},pid:{}", scene.spec(), hoarder.pid()));
    scene.assert_captured();
    assert_eq!(hoarder.ask(&format!("fill {} 127.8.0.0", SLOTS + MORE)), "filled");
    scene.assert_direct();
    let (count, notices) = noticed(&proxy, NoticeKind::Full);
    assert!(count >= 1, "{count}");
    assert!(notices <= 2, "once for each program: {notices}");
    assert_eq!(hoarder.ask("drop all"), "dropped");
    scene.await_capture();
}

#[test]
fn what_would_wait_at_a_full_listener_passes_at_once_and_is_counted() {
    let test = "crowds::what_would_wait_at_a_full_listener_passes_at_once_and_is_counted";
    if !on_ground(test) {
        return;
    }
    // The program's own server has a long queue still.
    let mut scene = Scene::new();
    fs::write("/proc/sys/net/core/somaxconn", "16").unwrap();
    let proxy = scene.capture();
    scene.assert_captured();
    kill_process(helper(&proxy), Signal::STOP).unwrap();
    // Where a listener is full, the kernel tries again after a second.
    let asked = format!("rush 100 {}", scene.server);
    let opened = scene.client.ask(&asked);
    kill_process(helper(&proxy), Signal::CONT).unwrap();
    let (count, slowest_ms) = opened.split_once(' ').unwrap();
    assert_eq!(count, "100");
    assert!(slowest_ms.parse::<u64>().unwrap() < 1000, "{opened}");
    let (count, notices) = noticed(&proxy, NoticeKind::Full);
    assert!(count >= 1 && notices <= 2, "{count} {notices}");
    scene.await_capture();
}

#[test]
fn out_of_descriptors_it_rests_and_serves_everybody_in_the_end() {
    if !on_ground("crowds::out_of_descriptors_it_rests_and_serves_everybody_in_the_end") {
        return;
    }
    let mut scene = Scene::new();
    let proxy = scene.capture();
    scene.assert_captured();
    let folder = format!("/proc/{}/fd", proxy.helper.pid());
    let open = || fs::read_dir(&folder).unwrap().count();
    let most = open() + ROOM;
    let limit = Rlimit { current: Some(most as u64), maximum: Some(most as u64) };
    prlimit(Some(helper(&proxy)), Resource::Nofile, limit).unwrap();
    let (asked, client) = (format!("crowd {CROWD} {}", scene.server), &mut scene.client);
    std::thread::scope(|scope| {
        // The proxy takes nothing for as long as this is held.
        let stalled = proxy.told();
        let crowd = scope.spawn(|| client.ask(&asked));
        eventually("the last descriptor", || open() >= most);
        drop(stalled);
        assert_eq!(crowd.join().unwrap(), CROWD.to_string());
    });
    let told = proxy.told();
    let lines: Vec<_> = told.log.iter().filter(|line| line.contains("open files")).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_snapshot!(lines[0], @"connections wait: Too many open files (os error 24); raise the limit on open files (ulimit -n)");
    assert_eq!(told.flows.len(), CROWD + 1);
    drop(told);
    scene.assert_captured();
}

#[test]
fn a_limit_of_descriptors_that_is_too_low_to_start_is_named() {
    let test = "crowds::a_limit_of_descriptors_that_is_too_low_to_start_is_named";
    if !on_prepared_ground(test, "ulimit -n 40") {
        return;
    }
    assert_snapshot!(Scene::new().refusal(), @"the kernel cannot capture connections here: the limit of open files is too low: Too many open files (os error 24); raise it: ulimit -n 1024");
}

#[test]
fn after_lost_events_everybody_is_known_again() {
    if !on_ground("crowds::after_lost_events_everybody_is_known_again") {
        return;
    }
    let mut scene = Scene::new();
    let mut parent = Actor::client();
    let proxy = Proxy::start("!0");
    scene.assert_captured();
    kill_process(helper(&proxy), Signal::STOP).unwrap();
    assert_eq!(parent.ask("execs 2500"), "done");
    // Nobody hears of its birth.
    let mut late = Actor::client();
    scene.assert_direct();
    kill_process(helper(&proxy), Signal::CONT).unwrap();
    scene.await_capture();
    noticed(&proxy, NoticeKind::EventsLost);
    eventually("the late one", || late.tcp(scene.server).starts_with("captured"));
    let told = proxy.told();
    let flow = told.flows.last().unwrap();
    let record = &told.processes[&flow.process.unwrap()];
    assert_eq!(record.process.pid, late.pid());
    assert_eq!(record.process.path, std::env::current_exe().ok());
    let by = &told.processes[&record.parent.unwrap()];
    assert_eq!(by.process.pid, std::process::id());
}
