//! Helper and proxy that end or stand still while there is much to do.

use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::actor::Actor;
use crate::ground::on_ground;
use crate::scene::Scene;

/// What became of a load.
#[derive(Debug)]
struct Load {
    captured: u64,
    direct: u64,
    failed: u64,
    /// When the last one that failed began, in milliseconds.
    last_failed: u64,
}

impl Load {
    fn parse(answer: &str) -> Self {
        let mut numbers = answer.split(' ').map(|number| number.parse().unwrap());
        let mut next = || numbers.next().unwrap();
        Self { captured: next(), direct: next(), failed: next(), last_failed: next() }
    }
}

/// Has a program make 200 connections a second for so long, while something happens.
fn load(scene: &mut Scene, millis: u64, meanwhile: impl FnOnce()) -> Load {
    let asked = format!("load {millis} {}", scene.server);
    let client = &mut scene.client;
    thread::scope(|scope| {
        let answer = scope.spawn(move || client.ask(&asked));
        meanwhile();
        Load::parse(&answer.join().unwrap())
    })
}

#[test]
fn a_helper_that_is_killed_under_load_breaks_nothing_for_long() {
    if !on_ground("kills::a_helper_that_is_killed_under_load_breaks_nothing_for_long") {
        return;
    }
    let mut scene = Scene::new();
    let mut proxy = scene.capture();
    let load = load(&mut scene, 2500, || {
        thread::sleep(Duration::from_millis(1000));
        proxy.helper.kill();
    });
    assert!(load.captured > 0 && load.direct > 0, "{load:?}");
    assert!(load.failed < 50 && load.last_failed < 2000, "{load:?}");
    scene.assert_untouched();
}

#[test]
fn nothing_fails_under_load_while_the_proxy_stands_still() {
    if !on_ground("kills::nothing_fails_under_load_while_the_proxy_stands_still") {
        return;
    }
    let mut scene = Scene::new();
    let mut proxy = Actor::client();
    proxy.capture(&scene.spec());
    let load = load(&mut scene, 5000, || {
        thread::sleep(Duration::from_millis(500));
        proxy.signal(Signal::STOP);
        thread::sleep(Duration::from_millis(3000));
        proxy.signal(Signal::CONT);
    });
    assert_eq!(load.failed, 0, "{load:?}");
    assert!(load.captured > 100 && load.direct > 100, "{load:?}");
    scene.await_capture();
}
