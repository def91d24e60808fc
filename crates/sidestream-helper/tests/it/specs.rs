//! The spec, while it changes and where it asks for more than the process.

use std::net::SocketAddr;

use sidestream_ipc::FlowVerdict;
use sidestream_testkit::skip;

use crate::actor::Actor;
use crate::ground::on_ground;
use crate::proxy::{CAPTURED, Proxy};
use crate::server::{self, DIRECT};

#[test]
fn a_new_spec_holds_once_it_is_acknowledged() {
    if !on_ground("specs::a_new_spec_holds_once_it_is_acknowledged") {
        return;
    }
    let mut client = Actor::client();
    let server = server::start("127.0.0.1");
    let chosen = format!("pid:{}", client.pid());
    let proxy = Proxy::start(&chosen);
    for round in 0..5 {
        assert_eq!(client.tcp(server), format!("{CAPTURED} by {server}"));
        assert_eq!(proxy.set_spec(2 * round, "pid:1"), None);
        assert_eq!(client.tcp(server), format!("{DIRECT} by {server}"));
        assert_eq!(proxy.set_spec(2 * round + 1, &chosen), None);
    }
}

#[test]
fn a_bad_spec_is_refused_and_the_old_one_stays() {
    if !on_ground("specs::a_bad_spec_is_refused_and_the_old_one_stays") {
        return;
    }
    let mut client = Actor::client();
    let server = server::start("127.0.0.1");
    let proxy = Proxy::start(&format!("pid:{}", client.pid()));
    assert!(proxy.set_spec(1, "curl,").is_some());
    assert_eq!(client.tcp(server), format!("{CAPTURED} by {server}"));
}

#[test]
fn the_destination_is_decided_in_the_kernel_and_the_host_in_the_proxy() {
    if !on_ground("specs::the_destination_is_decided_in_the_kernel_and_the_host_in_the_proxy") {
        return;
    }
    let mut client = Actor::client();
    let (captured, direct) = (server::start("127.0.0.1"), server::start("127.0.0.1"));
    let spec = format!("pid:{},!port:{},!host:*.test", client.pid(), direct.port());
    let proxy = Proxy::start(&spec);
    assert_eq!(client.tcp(direct), format!("{DIRECT} by {direct}"));
    assert_eq!(client.tcp(captured), format!("{CAPTURED} by {captured}"));
    let told = proxy.told();
    let [flow] = &told.flows[..] else { panic!("{:?}", told.flows) };
    assert_eq!(flow.verdict, FlowVerdict::Residual("!host:*.test".to_owned()));
}

#[test]
fn a_spec_may_be_longer_than_the_kernel_can_hold() {
    if !on_ground("specs::a_spec_may_be_longer_than_the_kernel_can_hold") {
        return;
    }
    let mut client = Actor::client();
    let server = server::start("127.0.0.1");
    let ports: String = (1..5000).map(|port| format!(",!port:{port}")).collect();
    let proxy = Proxy::start(&format!("pid:{}{ports}", client.pid()));
    assert_eq!(client.tcp(server), format!("{CAPTURED} by {server}"));
    // It is captured nevertheless, and to be carried unseen.
    let excluded: SocketAddr = "127.0.0.1:7".parse().unwrap();
    client.tcp(excluded);
    let told = proxy.told();
    let verdicts: Vec<_> = told.flows.iter().map(|flow| flow.verdict.clone()).collect();
    assert_eq!(verdicts, [FlowVerdict::Intercept, FlowVerdict::Pass]);
}

/// Forks, becomes another user without running another program, and connects again and again.
const BECOMES_ANOTHER_USER: &str = "
import encodings.idna, os, socket, sys, time
if os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
os.setuid(65534)
for _ in range(100):
    time.sleep(0.1)
    said = socket.create_connection((sys.argv[1], int(sys.argv[2]))).recv(64).decode()
    if said != 'direct':
        break
print(said, end='')
";

#[test]
fn a_process_that_becomes_another_user_is_decided_anew() {
    let test = "specs::a_process_that_becomes_another_user_is_decided_anew";
    if !on_ground(test) {
        return;
    }
    let mut client = Actor::client();
    if client.run("python3 --version").is_empty() {
        return skip(test, "there is no python3");
    }
    let script = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(script.path(), BECOMES_ANOTHER_USER).unwrap();
    let server = server::start("127.0.0.1");
    let _proxy = Proxy::start("user:65534");
    let line = format!("python3 {} {} {}", script.path().display(), server.ip(), server.port());
    assert_eq!(client.run(&line), CAPTURED);
}

#[test]
fn every_process_is_decided_about_while_the_spec_changes() {
    if !on_ground("specs::every_process_is_decided_about_while_the_spec_changes") {
        return;
    }
    let (mut chosen, mut other) = (Actor::client(), Actor::client());
    let server = server::start("127.0.0.1");
    let specs = ["", ",name:no-program"].map(|more| format!("pid:{}{more}", chosen.pid()));
    let proxy = Proxy::start(&specs[0]);
    let (missed, captured) = std::thread::scope(|scope| {
        let captured = scope.spawn(|| chosen.tcp_times(server, 500));
        let none = scope.spawn(|| other.tcp_times(server, 500));
        for (serial, spec) in (0..200).zip(specs.iter().cycle()) {
            assert_eq!(proxy.set_spec(serial, spec), None);
        }
        (none.join().unwrap(), captured.join().unwrap())
    });
    assert_eq!((missed.as_str(), captured.as_str()), ("0", "500"));
    // None was captured only to be carried unseen.
    let told = proxy.told();
    let chosen_flows = told.flows.iter().filter(|flow| flow.verdict == FlowVerdict::Intercept);
    assert_eq!((chosen_flows.count(), told.flows.len()), (500, 500));
}

#[test]
fn a_new_program_is_decided_about_before_it_begins() {
    let test = "specs::a_new_program_is_decided_about_before_it_begins";
    if !on_ground(test) {
        return;
    }
    let mut client = Actor::client();
    if client.run("bash --version").is_empty() {
        return skip(test, "there is no bash");
    }
    let folder = tempfile::tempdir().unwrap();
    let [chosen, other] = ["chosen", "other"].map(|name| folder.path().join(name));
    for path in [&chosen, &other] {
        std::fs::copy("/bin/bash", path).unwrap();
    }
    let server = server::start("127.0.0.1");
    let script = folder.path().join("script");
    let connect = format!("exec 3<>/dev/tcp/{}/{} && cat <&3", server.ip(), server.port());
    std::fs::write(&script, connect).unwrap();
    let proxy = Proxy::start("name:chosen,!name:other");
    for _ in 0..50 {
        assert_eq!(client.run(&format!("{} {}", other.display(), script.display())), DIRECT);
        assert_eq!(client.run(&format!("{} {}", chosen.display(), script.display())), CAPTURED);
    }
    assert_eq!(proxy.told().flows.len(), 50);
}
