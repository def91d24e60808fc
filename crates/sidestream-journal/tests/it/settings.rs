//! Settings that lie in no file of ours to see, given back by whoever knows their kind.

use std::fs;
use std::path::{Path, PathBuf};

use sidestream_journal::{JournalError, Outcome, Part, Parts, Plain, Run, Standing};

use crate::machine::{Machine, subject};

/// Gives back what a file holds, by a tool.
struct Keeper(PathBuf);

impl Parts for Keeper {
    fn without(&self, _: &Part, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn restore(&self, setting: &Part, run: Run<'_>) -> Result<Outcome, JournalError> {
        let former = String::from_utf8(setting.bytes.clone()).unwrap();
        if fs::read_to_string(&self.0).unwrap() == former {
            return Ok(Outcome::Nothing);
        }
        run(&set(&self.0, &former))?;
        Ok(Outcome::Restored)
    }
}

fn set(path: &Path, value: &str) -> Vec<String> {
    let script = "printf %s \"$1\" > \"$0\"";
    ["sh", "-c", script, path.to_str().unwrap(), value].map(str::to_owned).to_vec()
}

/// A machine whose setting was changed, by a process that ended.
fn changed() -> (Machine, PathBuf) {
    let machine = Machine::new();
    let path = machine.path("setting");
    fs::write(&path, "theirs").unwrap();
    let mut change = machine.journal().begin(subject()).unwrap();
    let setting = Part { kind: "kept".into(), bytes: b"theirs".to_vec() };
    change.announce("the setting", setting).unwrap();
    change.run(&set(&path, "ours")).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "ours");
    (machine, path)
}

#[test]
fn a_setting_is_given_back_once() {
    let (machine, path) = changed();
    let repaired = machine.journal().repair(&Keeper(path.clone())).unwrap();
    let told = repaired.undone[0].1[0].to_string();
    assert_eq!((repaired.undone.len(), &told[..]), (1, "restored the setting"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
    assert_eq!(machine.journal().entries().unwrap().0, []);
}

#[test]
fn a_setting_of_a_kind_that_is_not_known_stays_a_left_over() {
    let (machine, path) = changed();
    let repaired = machine.journal().repair(&Plain).unwrap();
    assert!(matches!(&repaired.failed[0].error, JournalError::Unknown { kind } if kind == "kept"));
    assert_eq!(machine.journal().entries().unwrap().0[0].standing, Standing::LeftOver);
    assert_eq!(fs::read_to_string(&path).unwrap(), "ours");
}

#[test]
fn a_setting_whose_tool_fails_stays_a_left_over() {
    let (machine, path) = changed();
    fs::rename(&path, machine.path("elsewhere")).unwrap();
    fs::create_dir(&path).unwrap();
    struct Failing(PathBuf);
    impl Parts for Failing {
        fn without(&self, _: &Part, _: &[u8]) -> Option<Vec<u8>> {
            None
        }
        fn restore(&self, _: &Part, run: Run<'_>) -> Result<Outcome, JournalError> {
            run(&set(&self.0, "theirs")).map(|()| Outcome::Restored)
        }
    }
    let repaired = machine.journal().repair(&Failing(path)).unwrap();
    assert!(matches!(&repaired.failed[0].error, JournalError::Tool { .. }), "{repaired:?}");
    assert_eq!(machine.journal().entries().unwrap().0[0].standing, Standing::LeftOver);
}
