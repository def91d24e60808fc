//! Bytes and specs that no proxy sends.

use std::fs;
use std::io::Write;
use std::time::Instant;

use insta::assert_snapshot;
use sidestream_ipc::{MAX_FRAME, Message};

use crate::ground::on_ground;
use crate::proxy::{Helper, Proxy};
use crate::scene::Scene;

/// More memory than the helper may ever have had, in KiB.
const MOST_MEMORY: u64 = 200 << 10;

/// Returns how much memory a process had at most, in KiB.
fn most_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn garbage_while_it_captures_ends_it_with_a_reason() {
    if !on_ground("bytes::garbage_while_it_captures_ends_it_with_a_reason") {
        return;
    }
    let mut scene = Scene::new();
    let mut proxy = scene.capture();
    scene.assert_captured();
    // Whole frames, of which the first is too long; so a beat between cannot make it another one.
    proxy.stream.write_all(&[0xff; 4096]).unwrap();
    let (status, words) = proxy.helper.end();
    assert!(!status.success());
    assert!(words.starts_with("sidestream-helper: the proxy cannot be understood: "), "{words}");
    scene.assert_untouched();
}

#[test]
fn a_frame_that_is_too_long_is_refused_before_it_has_come() {
    if !on_ground("bytes::a_frame_that_is_too_long_is_refused_before_it_has_come") {
        return;
    }
    let (mut helper, mut line) = Helper::start(&[]);
    let len = u32::try_from(MAX_FRAME + 1).unwrap();
    line.stream.write_all(&len.to_le_bytes()).unwrap();
    assert_snapshot!(helper.end().1, @"sidestream-helper: the proxy cannot be understood: the frame at byte 0 says that it has 16777217 bytes, more than 16777216");
}

#[test]
fn a_frame_of_the_greatest_length_costs_little_more() {
    if !on_ground("bytes::a_frame_of_the_greatest_length_costs_little_more") {
        return;
    }
    let (mut helper, mut line) = Helper::start(&[]);
    let len = u32::try_from(MAX_FRAME).unwrap();
    line.stream.write_all(&len.to_le_bytes()).unwrap();
    line.stream.write_all(&vec![0; MAX_FRAME - 1]).unwrap();
    let memory = most_memory(helper.pid());
    assert!(memory < MOST_MEMORY, "{memory} KiB");
    _ = line.stream.write_all(&[0]);
    assert_snapshot!(helper.end().1, @"sidestream-helper: the proxy cannot be understood: the frame at byte 0 is malformed: failed to decode Protobuf message: invalid tag value: 0");
}

#[test]
fn a_spec_of_a_megabyte_is_taken_as_any_other() {
    if !on_ground("bytes::a_spec_of_a_megabyte_is_taken_as_any_other") {
        return;
    }
    let mut scene = Scene::new();
    let spec = format!("{},{}", scene.spec(), "x".repeat(1 << 20));
    check(&mut scene, &spec);
}

#[test]
fn a_spec_of_a_hundred_thousand_items_is_taken_as_any_other() {
    if !on_ground("bytes::a_spec_of_a_hundred_thousand_items_is_taken_as_any_other") {
        return;
    }
    let mut scene = Scene::new();
    let items: String = (0..100_000).map(|item| format!(",program{item}")).collect();
    let spec = format!("{}{items}", scene.spec());
    check(&mut scene, &spec);
}

/// Captures with a long spec, then changes to another one while capturing.
fn check(scene: &mut Scene, spec: &str) {
    let started = Instant::now();
    let proxy = Proxy::start(spec);
    scene.assert_captured();
    assert_eq!(proxy.set_spec(1, &format!("{spec},!{}", scene.spec())), None);
    scene.assert_direct();
    assert_eq!(proxy.set_spec(2, &scene.spec()), None);
    scene.assert_captured();
    // Within a second where nothing else runs.
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    let memory = most_memory(proxy.helper.pid());
    assert!(memory < MOST_MEMORY, "{memory} KiB");
    proxy.send(&Message::Stop);
}
