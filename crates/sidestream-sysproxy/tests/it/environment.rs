//! What the next session's programs begin with, by systemd's own generator and curl.

use std::fs;
use std::path::Path;
use std::process::Command;

use sidestream_sysproxy::{Current, Place};
use sidestream_testkit::{Origin, skip};

use crate::home::{Home, PROXY};

const GENERATOR: &str =
    "/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator";
const OURS: &str = ".config/environment.d/90-sidestream.conf";

#[test]
fn a_program_of_the_next_session_uses_it() {
    let test = "a_program_of_the_next_session_uses_it";
    if !(Path::new(GENERATOR).exists() && Path::new("/usr/bin/curl").exists()) {
        return skip(test, "no systemd or no curl here");
    }
    let home = Home::new();
    let proxy = Origin::tcp(|wire| {
        std::io::Write::write_all(wire, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    });
    let variables = || {
        let said = home.says(&[GENERATOR], &[]);
        let pairs = said.lines().filter_map(|line| line.split_once('='));
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        pairs.collect::<Vec<_>>()
    };
    home.with(|desktop| {
        let restore = desktop.set(Place::Environment, proxy.addr(), &home.journal()).unwrap();
        let mut curl = Command::new("curl");
        let curl = home.in_it(curl.args(["-sS", "http://example.test/"])).envs(variables());
        let output = curl.output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "hi", "{output:?}");
        drop(restore);
        assert!(variables().iter().all(|(name, _)| name != "http_proxy"));
    });
    assert!(!home.path(".config/environment.d").exists());
}

#[test]
fn the_users_own_exceptions_hold() {
    let test = "the_users_own_exceptions_hold";
    if !Path::new(GENERATOR).exists() {
        return skip(test, "no systemd here");
    }
    let home = Home::new();
    fs::create_dir(home.path(".config/environment.d")).unwrap();
    fs::write(home.path(".config/environment.d/50-own.conf"), "no_proxy=intra.test\n").unwrap();
    home.with(|desktop| {
        let proxy = PROXY.parse().unwrap();
        let _restore = desktop.set(Place::Environment, proxy, &home.journal()).unwrap();
        let said = home.says(&[GENERATOR], &[]);
        let has = |line: &str| said.lines().any(|said| said == line);
        assert!(has("no_proxy=intra.test") && has("NO_PROXY=localhost,127.0.0.1,::1"), "{said}");
        assert!(has(&format!("https_proxy=http://{PROXY}")), "{said}");
    });
    assert!(!home.path(OURS).exists());
}

#[test]
fn the_machines_file_is_given_back_and_edits_stay() {
    for before in ["", "A=1\n", "A=1\nno_proxy=x", "http_proxy=http://corp.test:1/\n"] {
        let home = Home::new();
        let file = home.path("etc/environment");
        fs::create_dir(home.path("etc")).unwrap();
        fs::write(&file, before).unwrap();
        let with_edit = |edit: &str| {
            home.with(|desktop| {
                let place = Place::EtcEnvironment;
                let proxy = PROXY.parse().unwrap();
                let restore = desktop.set(place, proxy, &home.journal()).unwrap();
                assert_eq!(desktop.current(place).unwrap(), Current::Proxy(PROXY.into()));
                let text = fs::read_to_string(&file).unwrap();
                assert_eq!(text.matches("no_proxy=").count(), 1, "{text}");
                fs::write(&file, text + edit).unwrap();
                drop(restore);
            });
            fs::read_to_string(&file).unwrap()
        };
        assert_eq!(with_edit(""), before);
        assert_eq!(with_edit("B=2\n"), before.to_owned() + "B=2\n");
    }
}
