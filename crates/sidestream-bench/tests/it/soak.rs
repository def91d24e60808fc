//! Whole-machine capture under very many connections of short-lived processes.

use std::path::Path;
use std::process::Command;

use sidestream_testkit::{is_root, sidestream_binary, skip};

#[test]
fn every_flow_of_very_many_short_lived_processes_is_recorded_with_its_process() {
    let test = "every_flow_of_very_many_short_lived_processes_is_recorded_with_its_process";
    if !is_root() {
        return skip(test, "only root captures the whole machine");
    }
    if !Path::new("/sys/kernel/btf/vmlinux").exists() {
        return skip(test, "the kernel has no BTF");
    }
    let mut soak = Command::new(env!("CARGO_BIN_EXE_sidestream-bench"));
    soak.args(["soak", "--connections", "5000", "--sidestream"]).arg(sidestream_binary());
    let output = soak.output().unwrap();
    let said =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    assert!(output.status.success(), "{}", said.concat());
}
