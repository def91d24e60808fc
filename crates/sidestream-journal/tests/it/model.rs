//! Random changes, edits of others and crashes in between.

use std::collections::BTreeMap;
use std::fs;

use proptest::prelude::*;
use sidestream_journal::{Journal, Plain, Standing, Subject};

use crate::machine::Machine;

#[derive(Clone, Debug)]
enum Step {
    Remove(u8),
    Write(u8, Vec<u8>),
}

fn step() -> impl Strategy<Value = Step> {
    let file = 0u8..4;
    prop_oneof![
        (file.clone(), proptest::collection::vec(any::<u8>(), 0..20))
            .prop_map(|(file, bytes)| Step::Write(file, bytes)),
        file.prop_map(Step::Remove),
    ]
}

fn files(machine: &Machine) -> BTreeMap<u8, Vec<u8>> {
    let read = |file| Some((file, fs::read(machine.path(&format!("etc/{file}"))).ok()?));
    (0..4).filter_map(read).collect()
}

fn change(journal: &Journal, machine: &Machine, steps: &[Step], number: usize) {
    let mut change = journal.begin(Subject::new("test", number.to_string())).unwrap();
    for step in steps {
        match step {
            Step::Remove(file) => change.remove(&machine.path(&format!("etc/{file}"))).unwrap(),
            Step::Write(file, bytes) => {
                change.write(&machine.path(&format!("etc/{file}")), bytes, None).unwrap();
            }
        }
    }
    drop(change);
    // A process that another test starts right now has all our files until it runs its program.
    let is_held = || {
        let (entries, _) = journal.entries().unwrap();
        entries.iter().any(|entry| matches!(entry.standing, Standing::Live { .. }))
    };
    while is_held() {
        std::thread::yield_now();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_changes_are_undone(
        at_first in proptest::collection::btree_map(0u8..4, any::<Vec<u8>>(), 0..4),
        changes in proptest::collection::vec(proptest::collection::vec(step(), 0..6), 1..4),
    ) {
        let machine = Machine::new();
        for (file, bytes) in &at_first {
            fs::write(machine.path(&format!("etc/{file}")), bytes).unwrap();
        }
        for (number, steps) in changes.iter().enumerate() {
            change(&machine.journal(), &machine, steps, number);
        }
        let repaired = machine.journal().repair(&Plain).unwrap();
        prop_assert!(repaired.failed.is_empty());
        prop_assert_eq!(files(&machine), at_first);
    }

    #[test]
    fn what_somebody_else_wrote_last_stays(
        steps in proptest::collection::vec(step(), 1..6),
        file in 0u8..4,
    ) {
        let machine = Machine::new();
        change(&machine.journal(), &machine, &steps, 0);
        let theirs = b"somebody else wrote this, and it is longer than ours".to_vec();
        fs::write(machine.path(&format!("etc/{file}")), &theirs).unwrap();
        machine.journal().repair(&Plain).unwrap();
        prop_assert_eq!(files(&machine), BTreeMap::from([(file, theirs)]));
    }

    #[test]
    fn logs_of_any_bytes_are_read_without_panic(bytes in any::<Vec<u8>>()) {
        let machine = Machine::new();
        fs::create_dir_all(machine.path("state/00000001")).unwrap();
        fs::write(machine.path("state/00000001/log"), bytes).unwrap();
        machine.journal().repair(&Plain).unwrap();
    }
}
